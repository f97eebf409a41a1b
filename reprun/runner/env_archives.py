"""The archives of packages on this host: fetched, verified, and kept by the digest of their content.

Two that fetch the same archive write the same bytes, each aside, so there is no lock.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from typing import Any, BinaryIO, Callable, Dict, List, NamedTuple, Optional, Sequence

from reprun.runner.contents import discard
from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, read_text, write_atomic
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

Package = Dict[str, Any]
_AT_ONCE = 6
_PAUSES = (0.3, 1.0, 3.0)  # seconds before a server is asked again
_SECONDS = 20  # of silence: then the server hangs
_BLOCK = 1 << 20
_RELOCK = "reprun env lock"


class UnfetchedError(RunnerError):
    """An archive that could not be had from where the lock says it is; `passes` when it may be there in a moment."""

    passes = True


class AwayError(UnfetchedError):
    """There is no way to the server, as on a host without internet."""


class GoneError(UnfetchedError):
    """The server does not have the archive."""

    passes = False


class Found(NamedTuple):
    """The paths of archives by their place in the plan, and of those that are not here the packages and why."""

    paths: Dict[int, str]
    lacking: List[Package]
    why: str


def keep(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Fetches archives to send them on: answers with the SHA-256 and the size of each of `packages`, in their order."""
    found = collect(home, request["packages"], may_lack=False)
    paths = [found.paths[at] for at in range(len(request["packages"]))]
    return {"storage": home.packages, "archives": [[os.path.basename(path), os.path.getsize(path)] for path in paths]}


def collect(
    home: Home,
    packages: Sequence[Package],
    may_lack: bool,
    may_fetch: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Found:
    """The archives, each verified now. With `may_lack` one that cannot be fetched is no error, and ends all fetching."""
    from concurrent.futures import ThreadPoolExecutor

    ensure_dir(os.path.join(home.packages, "tmp"))
    work = _Collection(home, may_lack, may_fetch, lambda count: tell("fetching packages: %d of %d" % (count, len(packages))))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        paths = list(pool.map(work.get, packages))
    if work.error is not None:
        raise work.error
    lacking = [package for at, package in enumerate(packages) if paths[at] is None]
    return Found({at: path for at, path in enumerate(paths) if path is not None}, lacking, work.why)


class _Collection:
    """One walk through the packages. The first error ends it."""

    def __init__(self, home: Home, may_lack: bool, may_fetch: bool, told: Callable[[int], None]) -> None:
        self.home, self.may_lack, self.may_fetch, self.told = home, may_lack, may_fetch, told
        self.error: Optional[BaseException] = None
        self.why = ""
        self.count = 0
        self.counting = threading.Lock()

    def get(self, package: Package) -> Optional[str]:
        """The path of an archive; None when it is not to be had, or another one has failed."""
        if self.error is not None:
            return None
        try:
            path = find_archive(self.home, package)
            if path is None and self.may_fetch:
                path = fetch(self.home, package, patient=not self.may_lack)
        except UnfetchedError as error:
            if not self.may_lack:
                self.error = error
                return None
            self.may_fetch, self.why = False, error.message
            return None
        except (RunnerError, OSError) as error:
            self.error = error
            return None
        with self.counting:
            self.count += 1
            self.told(self.count)
        return path


def find_archive(home: Home, package: Package) -> Optional[str]:
    """The archive, if it is here and is what the lock says; one that is damaged is removed."""
    oid = package.get("sha256") or read_text(_by_md5(home, package)).strip()
    path = object_path(home.packages, oid) if oid else ""
    if not path or not os.path.isfile(path):
        return None
    if sha256_file(path) == oid:
        return path
    discard(home.packages, oid)
    return None


def fetch(home: Home, package: Package, patient: bool = True) -> str:
    """Brings an archive from its address. Raises `RunnerError` for one that is not what the lock says, by its name.

    Who is not `patient` takes a server that cannot be reached for one that never will be.
    """
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
            raise RunnerError("refused", "%s (%s)" % (what, package["url"]), _RELOCK)
        path = object_path(home.packages, sha256.hexdigest())
        ensure_dir(os.path.dirname(path))
        os.rename(aside, path)
    finally:
        if os.path.lexists(aside):
            os.unlink(aside)
    if kind == "md5":
        ensure_dir(os.path.dirname(_by_md5(home, package)))
        write_atomic(_by_md5(home, package), sha256.hexdigest().encode(), durable=False)
    return path


def _open(package: Package) -> BinaryIO:
    from urllib.error import HTTPError, URLError
    from urllib.parse import unquote, urlsplit
    from urllib.request import Request, urlopen

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
        answer: BinaryIO = urlopen(Request(url, headers={"User-Agent": "reprun"}), timeout=_SECONDS)  # noqa: S310  # http
        return answer
    except HTTPError as error:
        if error.code in (404, 410):
            raise _gone(package, "HTTP %d" % error.code) from None
        raise UnfetchedError("tool", "%s cannot be fetched: HTTP %d (%s)" % (package["file"], error.code, url)) from None
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
    return GoneError("refused", "the package %s is gone: %s (%s)" % (package["file"], why, package["url"]), _RELOCK)


def _by_md5(home: Home, package: Package) -> str:
    """Says which SHA-256 an archive has of which the channel tells only the MD5."""
    return os.path.join(home.packages, "md5", str(package.get("md5") or "none"))
