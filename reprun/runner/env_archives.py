"""The archives of packages on this host: fetched, verified, and kept by the digest of their content.

Two that fetch the same archive write the same bytes, each aside, so there is no lock.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence
from urllib.parse import unquote, urlsplit

from reprun.runner.contents import discard
from reprun.runner.data import sha256_file
from reprun.runner.env_fetch import GoneError, Package, UnfetchedError, by_md5, fetch, find_source, gone_all
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, read_text
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

_AT_ONCE = 6


class Found(NamedTuple):
    """The paths of archives by their place in the plan, and of those that are not here the packages and why.

    `gone` are the packages that their channels do not have any more, `sources` those that are not from where the lock says, and
    `fetched` those that were not here before; each by the name of the file.
    """

    paths: Dict[int, str]
    lacking: List[Package]
    why: str
    gone: Dict[str, str]
    sources: Dict[str, str]
    fetched: List[str]


class Way(NamedTuple):
    """How packages are looked for. With `may_lack` one that cannot be fetched is no error; one that is not to be had for another
    reason than that it is gone ends all fetching. `labels`: of channels that have lost one."""

    may_lack: bool
    may_fetch: bool = True
    labels: Sequence[str] = ()


def keep(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Fetches archives to send them on: answers with the SHA-256 and the size of each of `packages`, in their order.

    `gone` are those that their channel did not have when the host asked for them: of these `sources` says where else they
    were found, which is here where they are not to be had otherwise. With `may_lack` those that cannot be had are None, and
    `why` says of each, by its file, or of "" for all others; with `only_here` nothing is fetched.
    """
    packages, gone = request["packages"], request.get("gone", {})
    is_only_here = bool(request.get("only_here"))
    found = collect(home, packages, Way(bool(request.get("may_lack")), not is_only_here, request.get("labels", ())))
    paths = [found.paths.get(at) for at in range(len(packages))]
    archives = [[os.path.basename(path), os.path.getsize(path)] if path else None for path in paths]
    sources = dict(found.sources)
    for package in packages:
        file = package["file"]
        if file in gone and file not in sources and file not in found.fetched and not _is_at_hand(package):
            sources[file] = "the packages of %s" % os.uname().nodename
    return {"storage": home.packages, "archives": archives, "sources": sources, "why": {**found.gone, "": found.why}}


def collect(home: Home, packages: Sequence[Package], way: Way, tell: Callable[[str], None] = lambda text: None) -> Found:
    """The archives, each verified now. Raises `RunnerError` for what cannot be had, unless some may be lacking."""
    from concurrent.futures import ThreadPoolExecutor

    ensure_dir(os.path.join(home.packages, "tmp"))
    work = _Collection(home, way, lambda count: tell("fetching packages: %d of %d" % (count, len(packages))))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        paths = list(pool.map(work.get, packages))
    if work.error is not None:
        raise work.error
    if work.gone and not way.may_lack:
        raise gone_all([work.gone[package["file"]] for package in packages if package["file"] in work.gone])
    lacking = [package for at, package in enumerate(packages) if paths[at] is None]
    here = {at: path for at, path in enumerate(paths) if path is not None}
    sources = {packages[at]["file"]: find_source(home, os.path.basename(path)) for at, path in here.items()}
    gone = {file: error.message for file, error in work.gone.items()}
    why = work.why or next(iter(gone.values()), "")
    return Found(here, lacking, why, gone, {file: text for file, text in sources.items() if text}, work.fetched)


class _Collection:
    """One walk through the packages. The first error ends it."""

    def __init__(self, home: Home, way: Way, told: Callable[[int], None]) -> None:
        self.home, self.way, self.told = home, way, told
        self.may_fetch = way.may_fetch
        self.error: Optional[BaseException] = None
        self.gone: Dict[str, GoneError] = {}
        self.fetched: List[str] = []
        self.why = ""
        self.count = 0
        self.counting = threading.Lock()

    def get(self, package: Package) -> Optional[str]:
        """The path of an archive; None when it is not to be had, or another one has failed."""
        if self.error is not None:
            return None
        try:
            path = self._get(package)
        except GoneError as error:  # the others may be there
            self.gone[package["file"]] = error
            return None
        except UnfetchedError as error:
            if not self.way.may_lack:
                self.error = error
                return None
            self.may_fetch, self.why = False, error.message
            return None
        except (RunnerError, OSError) as error:
            self.error = error
            return None
        with self.counting:
            self.count += path is not None
            self.told(self.count)
        return path

    def _get(self, package: Package) -> Optional[str]:
        path = find_archive(self.home, package)
        if path is None and self.may_fetch:
            path = fetch(self.home, package, self.way.labels, patient=not self.way.may_lack)
            self.fetched.append(package["file"])
        return path


def find_archive(home: Home, package: Package) -> Optional[str]:
    """The archive, if it is here and is what the lock says; one that is damaged is removed."""
    oid = package.get("sha256") or read_text(by_md5(home, package)).strip()
    path = object_path(home.packages, oid) if oid else ""
    if not path or not os.path.isfile(path):
        return None
    if sha256_file(path) == oid:
        return path
    discard(home.packages, oid)
    return None


def _is_at_hand(package: Package) -> bool:
    """Whether it is in a channel that is a folder of this machine: then only others have lost it."""
    parts = urlsplit(package["url"])
    return parts.scheme == "file" and os.path.isfile(unquote(parts.path))
