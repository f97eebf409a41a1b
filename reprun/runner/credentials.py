"""The name and password for a server of packages, from where the user keeps them: ~/.netrc, or the settings of pip and uv.

They are looked for where something is fetched, and are written nowhere: no plan, lock or list of processes has them.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO, Iterator, Tuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

_VARIABLES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL",
)  # fmt: skip
_OPTIONS = ("index-url", "extra-index-url", "find-links")
_HERE = ("localhost", "127.0.0.1", "::1")


def open_address(url: str, seconds: float) -> BinaryIO:
    """The answer of a server to a request with what is known for it. Raises what urllib raises.

    Where the server sends us on to another one, that one is not told.
    """
    from urllib.request import Request, urlopen

    plain, secret = find_secret(url)
    request = Request(plain, headers={"User-Agent": "reprun"})  # noqa: S310  # http, or https
    if secret:
        request.add_unredirected_header("Authorization", basic(secret))
    answer: BinaryIO = urlopen(request, timeout=seconds)  # noqa: S310
    return answer


def find_secret(url: str) -> Tuple[str, str]:
    """An address without a name and password, and `NAME:PASSWORD` for it, empty where none is known."""
    parts = urlsplit(url)
    inside, at, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host))
    if at:
        return plain, ":".join(unquote(os.path.expandvars(part)) for part in inside.partition(":")[::2])
    for other in _settings():
        found = urlsplit(other)
        if found.password is not None and _place(found) == _place(parts):
            return plain, "%s:%s" % (unquote(found.username or ""), unquote(found.password))
    # A lock may come from a stranger: nothing that it says sends a password over the network in the clear.
    return plain, _from_netrc(parts.hostname or "") if parts.scheme == "https" or parts.hostname in _HERE else ""


def _place(parts: SplitResult) -> Tuple[str, Any, Any]:
    try:
        return parts.scheme, parts.hostname, parts.port
    except ValueError:  # no port
        return "", None, None


def _settings() -> Iterator[str]:
    """The addresses in the settings of pip and uv, as they are written there."""
    for name in _VARIABLES:
        for word in os.environ.get(name, "").split():
            yield word.partition("=")[2] if name in ("UV_INDEX", "UV_DEFAULT_INDEX") and "=" in word.partition("://")[0] else word
    from configparser import Error, RawConfigParser

    home = os.path.expanduser("~")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    paths = ["/etc/pip.conf", os.path.join(home, ".pip", "pip.conf"), os.path.join(config, "pip", "pip.conf")]
    paths += [os.path.join(os.environ.get("VIRTUAL_ENV") or os.devnull, "pip.conf"), os.environ.get("PIP_CONFIG_FILE", "")]
    for path in filter(None, paths):
        parser = RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (Error, OSError, UnicodeDecodeError):
            continue
        for section in parser.sections():
            for option in _OPTIONS:
                yield from parser.get(section, option, fallback="").split()


def _from_netrc(host: str) -> str:
    from netrc import NetrcParseError, netrc

    try:
        known = netrc(os.environ.get("NETRC") or os.path.join(os.path.expanduser("~"), ".netrc")).hosts.get(host)
    except (OSError, NetrcParseError, UnicodeDecodeError):
        return ""
    return "%s:%s" % (known[0], known[2]) if known else ""


def basic(secret: str) -> str:
    """`NAME:PASSWORD` as a server wants to hear it."""
    from base64 import b64encode

    return "Basic " + b64encode(secret.encode()).decode()
