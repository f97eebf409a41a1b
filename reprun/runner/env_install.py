"""Run by the installer's Python, in a process of its own: conda packages into a prefix, with py-rattler.

Standard input has JSON: `path` (the folder with py-rattler), `prefix`, `cache`, and the `packages` with their archives. Standard
output gets JSON: the version of py-rattler, or the `error`. Needs Python 3.10, as py-rattler does.
"""

from __future__ import annotations

import asyncio
import glob
import importlib
import json
import os
import sys
import tempfile
from typing import Any, Dict, List
from urllib.request import pathname2url


async def _install(rattler: Any, wish: Dict[str, Any]) -> None:
    """Nothing is fetched: the archives are here, and were verified."""
    with tempfile.TemporaryDirectory(dir=wish["work"]) as folder:
        records = [await _record(rattler, package, os.path.join(folder, "index.json")) for package in wish["packages"]]
    caches = importlib.import_module("rattler.package_cache.package_cache")
    # What was unpacked for another environment is read again: the two share files, and a job may have changed one.
    cache = caches.PackageCache.new_layered([wish["cache"]], validation_mode=caches.ValidationMode.full())
    await rattler.install(records, target_prefix=wish["prefix"], installed_packages=[], package_cache=cache, show_progress=False)
    for package in wish["packages"]:
        _name_origin(wish["prefix"], package)


async def _record(rattler: Any, package: Dict[str, Any], scratch: str) -> Any:
    """What the archive says of itself, with the digest that it was verified by."""
    streaming = importlib.import_module("rattler.package_streaming")
    archive = await streaming.PackageArchive.from_path(package["archive"])
    index = await archive.read_file("info/index.json")
    if index is None:
        raise ValueError("%s has no info/index.json" % package["file"])
    with open(scratch, "wb") as file:
        file.write(index)
    record = rattler.PackageRecord.from_index_json(scratch, package["size"], package["sha256"], package["md5"] or None)
    url, channel = "file://" + pathname2url(package["archive"]), package["url"].rsplit("/", 2)[0]
    return rattler.RepoDataRecord(record, package["file"], url, channel)


def _name_origin(prefix: str, package: Dict[str, Any]) -> None:
    """In the prefix stands where the lock says that the package is from, not where this host keeps it."""
    stem = package["file"][: -len(".conda")] if package["file"].endswith(".conda") else package["file"][: -len(".tar.bz2")]
    path = os.path.join(prefix, "conda-meta", stem + ".json")
    here = "file://" + pathname2url(package["archive"])
    with open(path, "rb") as file:
        data = file.read()
    known, wanted = json.dumps(here).encode(), json.dumps(package["url"], ensure_ascii=False).encode()
    if data.count(known) != 1:
        raise ValueError("%s does not say where the package is from" % path)
    with open(path, "wb") as file:
        file.write(data.replace(known, wanted))


def main() -> None:
    """Ends without Python's usual end, in which the library may crash, its work done."""
    wish = json.load(sys.stdin)
    sys.path.insert(0, wish["path"])
    answer: Dict[str, Any] = {}
    try:
        rattler = importlib.import_module("rattler")
        asyncio.run(_install(rattler, wish))
        answer["version"] = _version(wish["path"]) or str(getattr(rattler, "__version__", ""))
    except BaseException as error:
        answer["error"] = "%s: %s" % (type(error).__name__, error)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


def _version(path: str) -> str:
    found: List[str] = sorted(glob.glob(os.path.join(glob.escape(path), "py_rattler-*.dist-info")))
    return os.path.basename(found[-1])[len("py_rattler-") : -len(".dist-info")] if found else ""


if __name__ == "__main__":
    main()
