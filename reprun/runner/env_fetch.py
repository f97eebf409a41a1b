"""Brings the archive of one package: from its address, and where the channel has lost it there, from another label of it.

Another label may hold the very same file, as where a channel calls it broken. Nothing but the bytes that were locked is taken.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import Any, BinaryIO, Dict, Iterator, List, Sequence

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, list_names, read_text, write_atomic
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

Package = Dict[str, Any]
_PAUSES = (0.3, 1.0, 3.0)  # seconds before a server is asked again
_SECONDS = 20  # of silence: then the server hangs
_BLOCK = 1 << 20
_RELOCK = "reprun env lock --force takes what is there now; of packages of pip: the tool that has made their lock"
_LOST = "reprun env unpack FILE, which reprun env pack RUN makes where the run has been; reprun env lock takes what is there now"
_DENIED = "a line in ~/.netrc: machine %s login NAME password PASSWORD; or PIP_INDEX_URL with both, then the same command again"
_SHOWN = 5


class UnfetchedError(RunnerError):
    """An archive that could not be had from where the lock says it is; `passes` when it may be there in a moment."""

    passes = True


class AwayError(UnfetchedError):
    """There is no way to the server, as on a host without internet."""


class DeniedError(UnfetchedError):
    """The server wants to know who asks, and does not take what it was told."""

    passes = False


class GoneError(UnfetchedError):
    """The server does not have the archive, nor is it anywhere else that is known."""

    passes = False

    def __init__(self, message: str, url: str) -> None:
        super().__init__("tool", message, _LOST)
        self.url = url


class OtherError(RunnerError):
    """What is there is not the package that was locked."""


def fetch(home: Home, package: Package, labels: Sequence[str] = (), patient: bool = True) -> str:
    """Brings an archive from its address, or from another of the `labels` of its channel, and returns its path.

    Raises `RunnerError` for one that is not what the lock says, by its name, and `GoneError` where it is nowhere. Who is not
    `patient` takes a server that cannot be reached for one that never will be.
    """
    try:
        path = _try(home, package, patient)
        _forget_source(home, os.path.basename(path))
        return path
    except GoneError as error:
        looked = ["the packages in %s" % home.packages]
        for url in list_labels(package, labels):
            try:
                path = _try(home, {**package, "url": url}, patient)
            except (UnfetchedError, OtherError) as other:
                looked.append("%s (another package)" % url if isinstance(other, OtherError) else url)
                continue
            note_source(home, os.path.basename(path), url)
            return path
        raise GoneError("%s; looked for in vain: %s" % (error.message, ", ".join(looked)), package["url"]) from None


def gone_all(errors: List[GoneError]) -> GoneError:
    """One error for all packages that are gone."""
    urls = [error.url for error in errors[1 : 1 + _SHOWN]]
    more = " and %d more" % (len(errors) - 1 - _SHOWN) if len(errors) > 1 + _SHOWN else ""
    also = "; gone as well: %s%s" % (", ".join(urls), more) if urls else ""
    return GoneError(errors[0].message + also, errors[0].url)


def list_labels(package: Package, labels: Sequence[str]) -> Iterator[str]:
    """Where else in its channel the file may be. anaconda.org, and who mirrors it, has a label's files below `label/NAME/`.

    A package of which only the MD5 is known is looked for nowhere else.
    """
    from urllib.parse import unquote, urlsplit, urlunsplit

    if package.get("manager") != "conda" or not package.get("sha256") or not package.get("subdir"):
        return
    parts = urlsplit(package["url"])
    channel, _, rest = parts.path.rpartition("/%s/" % package.get("subdir"))
    if not rest or "/" in rest:
        return
    above, _, last = channel.rpartition("/label/")
    root = above if last and "/" not in last and "/label/" in channel else channel
    names = list_names(os.path.join(unquote(root), "label")) if parts.scheme == "file" else list(labels)
    for folder in [root, *("%s/label/%s" % (root, name) for name in names)]:
        if folder != channel:
            yield urlunsplit(parts._replace(path="%s/%s/%s" % (folder, package["subdir"], rest)))


def note_source(home: Home, oid: str, source: str) -> None:
    """Keeps beside an archive that it is not from where locks say: environments that are made of it tell."""
    write_atomic(os.path.join(ensure_dir(os.path.join(home.packages, "sources")), oid), source.encode(), durable=False)


def find_source(home: Home, oid: str) -> str:
    """Where an archive is from, when that is not its address; else empty."""
    return read_text(os.path.join(home.packages, "sources", oid))


def by_md5(home: Home, package: Package) -> str:
    """Says which SHA-256 an archive has of which the channel tells only the MD5."""
    return os.path.join(home.packages, "md5", str(package.get("md5") or "none"))


def note_md5(home: Home, package: Package, oid: str) -> None:
    """Keeps which archive has this MD5."""
    ensure_dir(os.path.dirname(by_md5(home, package)))
    write_atomic(by_md5(home, package), oid.encode(), durable=False)


def _forget_source(home: Home, oid: str) -> None:
    path = os.path.join(home.packages, "sources", oid)
    if os.path.lexists(path):
        os.unlink(path)


def _try(home: Home, package: Package, patient: bool) -> str:
    """Asks a server that stumbles again."""
    pauses = iter(_PAUSES)
    while True:
        try:
            return _fetch(home, package)
        except UnfetchedError as error:
            pause = next(pauses, None)
            if pause is None or not error.passes or (isinstance(error, AwayError) and not patient):
                raise
            time.sleep(pause)


def _fetch(home: Home, package: Package) -> str:
    aside = os.path.join(home.packages, "tmp", "%d.%d.tmp" % (threading.get_ident(), os.getpid()))
    kind = "sha256" if package.get("sha256") else "md5"  # which is all that some channels have
    sha256 = hashlib.sha256()
    named = sha256 if kind == "sha256" else hashlib.new(kind)
    try:
        with _open(package) as source, open(aside, "wb") as target:
            while True:
                block = _read(source, package)
                if not block:
                    break
                for digest in {sha256, named}:
                    digest.update(block)
                target.write(block)
            expected, got = getattr(source, "headers", {}).get("Content-Length"), target.tell()
        if expected is not None and int(expected) != got:  # which urllib lets pass
            what = "%s cannot be fetched: the link broke after %d of %s bytes (%s)"
            raise UnfetchedError("tool", what % (package["file"], got, expected, package["url"]))
        if named.hexdigest() != package[kind]:
            what = "%s is not the package that was locked: its %s is %s, the lock says %s" % (
                package["file"], kind, named.hexdigest()[:16], package[kind][:16],
            )  # fmt: skip
            raise OtherError("refused", "%s (%s)" % (what, package["url"]), _RELOCK)
        path = object_path(home.packages, sha256.hexdigest())
        ensure_dir(os.path.dirname(path))
        os.rename(aside, path)
    finally:
        if os.path.lexists(aside):
            os.unlink(aside)
    if kind == "md5":
        note_md5(home, package, sha256.hexdigest())
    return path


def _open(package: Package) -> BinaryIO:
    from http.client import InvalidURL
    from urllib.error import HTTPError, URLError
    from urllib.parse import unquote, urlsplit

    from reprun.runner.credentials import find_secret, open_address

    url = package["url"]
    parts = urlsplit(url)
    if parts.scheme == "file":
        try:
            return open(unquote(parts.path), "rb")
        except OSError as error:
            raise _gone(package, error.strerror or "") from None
    if parts.scheme not in ("http", "https"):
        raise RunnerError("refused", "%s cannot be fetched from %s" % (package["file"], url), _RELOCK)
    try:
        return open_address(url, _SECONDS)
    except HTTPError as error:
        if error.code in (404, 410):
            raise _gone(package, "HTTP %d" % error.code) from None
        plain, secret = find_secret(url)
        what = "%s cannot be fetched: HTTP %d (%s)" % (package["file"], error.code, plain)
        if error.code in (401, 403, 407):
            who = "another name and password than those in ~/.netrc or pip's settings" if secret else "a name and password"
            raise DeniedError("tool", "%s: the server wants %s" % (what, who), _DENIED % parts.hostname) from None
        raise UnfetchedError("tool", what) from None
    except InvalidURL as error:
        raise RunnerError("refused", "%s has no proper address: %s" % (package["file"], error), _RELOCK) from None
    except (URLError, OSError) as error:
        why = getattr(error, "reason", error)
        raise AwayError("tool", "%s cannot be fetched: %s (%s)" % (package["file"], why, url)) from None


def _read(source: BinaryIO, package: Package) -> bytes:
    from http.client import HTTPException

    try:
        return source.read(_BLOCK)
    except (OSError, HTTPException) as error:
        raise UnfetchedError("tool", "%s cannot be fetched: %s (%s)" % (package["file"], error, package["url"])) from None


def _gone(package: Package, why: str) -> GoneError:
    return GoneError("the package %s is gone: %s (%s)" % (package["file"], why, package["url"]), package["url"])
