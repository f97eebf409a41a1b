"""What makes environments on hosts, packed here to be sent there: py-rattler, and a Python for it where a host has an old one.

Each is kept among the packages of this machine, by the digest of its content, and is named by what it is made of.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.env.installer_wheel import check_glibc, download
from reprun.runner.data import sha256_file
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home, home
from reprun.system.files import ensure_dir, find_bytes, find_json, locked, write_atomic, write_json
from reprun.system.process import run

HERE = f"{sys.platform}-{os.uname().machine}"
_SECONDS = 600
# In a process of its own: the library may crash when Python ends, and cannot be imported in a folder that is not in UTF-8.
_UNPACK = """
import json, os, sys
from rattler.package_streaming import extract
wish = json.load(sys.stdin)
for archive in wish["archives"]:
    extract(archive, wish["folder"])
os._exit(0)
"""


@dataclass(frozen=True)
class Tool:
    """An archive that is unpacked below `name` on a host: its `sha256`, and its `size`."""

    name: str
    sha256: str
    size: int

    def data(self) -> dict[str, Any]:
        """As a request names it."""
        return {"name": self.name, "sha256": self.sha256}


def local_tools() -> dict[str, Any]:
    """The installer of this machine: nothing has to be sent. Raises `ToolError` where it is not installed."""
    return {"interpreter": sys.executable, "path": _site()}


def pip_of_python() -> dict[str, Any]:
    """The pip that comes with this Python, for a host that has none: among the packages of this machine, by its digest."""
    import glob

    folder = os.path.join(os.path.dirname(os.__file__), "ensurepip", "_bundled")
    found = sorted([*glob.glob(os.path.join(glob.escape(folder), "pip-*.whl")), *glob.glob("/usr/share/python-wheels/pip-*.whl")])
    if not found:
        return {}
    oid = sha256_file(found[-1])
    place = object_path(Home(home()).packages, oid)
    if not os.path.isfile(place):
        ensure_dir(os.path.dirname(place))
        write_atomic(place, find_bytes(found[-1]) or b"", durable=False)
    return {"pip": {"name": os.path.basename(found[-1]), "sha256": oid, "size": os.path.getsize(place)}}


def rattler_name(host: str) -> str:
    """What py-rattler is called on a host of this platform."""
    return f"py-rattler-{_version()}-{host}"


def pack_rattler(host: str, glibc: str = "") -> Tool:
    """py-rattler as it is installed here, or, for another platform, as it is published, for a host with this glibc.

    Raises `ToolError`.
    """

    def fill(folder: str) -> None:
        if host == HERE:
            leave_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(os.path.join(_site(), "rattler"), os.path.join(folder, "rattler"), ignore=leave_out)
            os.mkdir(os.path.join(folder, f"py_rattler-{_version()}.dist-info"))  # says the version
        else:
            download(_version(), host, glibc, folder)

    check_glibc(host, glibc)
    return _kept(rattler_name(host), fill)


def python_of(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The packages of a plan that make its Python: itself and what it needs."""
    packages = {one["name"]: one for one in plan["packages"] if one["manager"] == "conda"}
    found: dict[str, dict[str, Any]] = {}
    wanted = ["python"]
    while wanted:
        name = wanted.pop()
        if name in packages and name not in found:
            found[name] = packages[name]
            wanted += [text.split()[0] for text in packages[name]["depends"]]
    return [found[name] for name in sorted(found)]


def pack_python(name: str, archives: Mapping[str, str]) -> Tool:
    """A Python from conda packages (their file names → where they are): it finds its parts beside itself. Raises `ToolError`."""
    import json

    def fill(folder: str) -> None:
        with tempfile.TemporaryDirectory() as links:  # what kind an archive is of is in its name
            for file, path in archives.items():
                os.symlink(path, os.path.join(links, file))
            wish = {"archives": [os.path.join(links, file) for file in archives], "folder": folder}
            run([sys.executable, "-P", "-c", _UNPACK], cwd="/", stdin=json.dumps(wish).encode(), timeout=_SECONDS)

    return _kept(name, fill)


def name_of_python(packages: Iterable[Mapping[str, Any]]) -> str:
    """The same for the same packages."""
    from hashlib import sha256

    return "python-" + sha256("".join(str(one["sha256"] or one["md5"]) for one in packages).encode()).hexdigest()[:16]


def _kept(name: str, fill: Callable[[str], None]) -> Tool:
    """The tool that was packed before, or is packed now."""
    packages = Home(home()).packages
    memo = os.path.join(packages, "tools", f"{name}.json")
    known = _find_kept(packages, name, memo)
    if known is None:
        ensure_dir(os.path.dirname(memo))
        ensure_dir(os.path.join(packages, "tmp"))
        with locked(f"{memo}.lock", exclusive=True):  # several hosts may want it at once
            known = _find_kept(packages, name, memo) or _packed(packages, name, fill)
            write_json(memo, {"sha256": known.sha256, "size": known.size})
    return known


def _find_kept(packages: str, name: str, memo: str) -> Tool | None:
    known = find_json(memo)
    is_here = known and os.path.isfile(object_path(packages, str(known["sha256"])))
    return Tool(name, known["sha256"], known["size"]) if known and is_here else None


def _packed(packages: str, name: str, fill: Callable[[str], None]) -> Tool:
    import tarfile

    with tempfile.TemporaryDirectory(dir=os.path.join(packages, "tmp")) as work:
        folder, archive = os.path.join(work, "tool"), os.path.join(work, "archive")
        os.mkdir(folder)
        fill(folder)
        with tarfile.open(archive, "w:gz", compresslevel=1) as target:
            target.add(folder, ".")
        tool = Tool(name, sha256_file(archive), os.path.getsize(archive))
        place = object_path(packages, tool.sha256)
        ensure_dir(os.path.dirname(place))
        os.rename(archive, place)
    return tool


def _site() -> str:
    from importlib.util import find_spec

    found = find_spec("rattler")
    if found is None or not found.origin:
        raise ToolError("py-rattler is not installed: it makes environments", hint=f"{sys.executable} -m pip install py-rattler")
    return os.path.dirname(os.path.dirname(found.origin))


def _version() -> str:
    from importlib.metadata import version

    _site()
    return version("py-rattler")
