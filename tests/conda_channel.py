"""A real conda channel in a folder, made by the tests from what is on this machine.

    def test_it(conda_channel: Channel) -> None:
        plan = conda_channel.plan("python", "greeter")
        text = f"channels: [{conda_channel.url}]"

It holds `python` (the one that runs the tests, repacked), `pip`, `prefixdemo` (a compiled program that says where it is),
`greeter` (`noarch: python`; its program `greet` says which Python runs it), `activator` (an activate.d script and an env_vars.d
entry), `dial` 1.0, 1.1 and 2.0 and `dialer`, which wants 1.*, `antique` (a .tar.bz2 of which only the md5 is known), `spoiled`
(its archive is not what repodata.json says) and `fleeting`. `wheels` has a wheel, `tally`, with the program `tally`.

It is made once (three seconds) and shared: `copy()` gives one that a test may change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import conda_archive
import conda_python
from conda_archive import PLACEHOLDER, PLATFORM, Package, write_package, write_repodata

from reprun.runner.files import locked, remove_tree

_PROGRAM = """#include <stdio.h>
static volatile const char place[] = PLACE;
int main(void) { puts((const char *)place); return 0; }
"""
_GREETER = """import sys
VERSION = "1.0"
def main():
    print("greetings from", sys.prefix)
"""


@dataclass(frozen=True)
class Channel:
    """A channel below `root`."""

    root: Path

    @property
    def url(self) -> str:
        """Where it is."""
        return self.root.as_uri()

    @property
    def wheels(self) -> Path:
        """A folder with wheels."""
        return self.root / "wheels"

    def lines(self) -> list[dict[str, Any]]:
        """What repodata.json says of each package, with `fn`."""
        import json

        found = []
        for subdir in (PLATFORM, "noarch"):
            data = json.loads((self.root / subdir / "repodata.json").read_text())
            found += [{**line, "fn": fn} for kind in ("packages", "packages.conda") for fn, line in data[kind].items()]
        return found

    def copy(self, folder: Path) -> Channel:
        """A channel of one's own; its archives are links and must be replaced, not written to."""
        shutil.copytree(self.root, folder, copy_function=_link)
        return Channel(folder)

    def take_away(self, name: str, version: str = "") -> None:
        """As if the channel had never had the package; without `version` all that have the name."""
        gone = [line for line in self.lines() if line["name"] == name and version in ("", line["version"])]
        write_repodata(self.root, [line for line in self.lines() if line not in gone])
        for line in gone:
            (self.root / line["subdir"] / line["fn"]).unlink()

    def entry(self, name: str, version: str = "") -> dict[str, Any]:
        """The newest package of a name as an entry of a plan."""
        found = [line for line in self.lines() if line["name"] == name and version in ("", line["version"])]
        line = max(found, key=lambda one: str(one["version"]))
        kept = {key: line.get(key, "") for key in ("name", "version", "build", "subdir", "sha256", "md5", "size")}
        more = {"depends": line["depends"], "constrains": [], "build_number": line["build_number"]}
        url = f"{self.url}/{line['subdir']}/{line['fn']}"
        return {"manager": "conda", **kept, **more, "noarch": line.get("noarch", ""), "url": url, "file": line["fn"]}

    def wheel(self) -> dict[str, Any]:
        """The wheel as an entry of a plan."""
        path = next(self.wheels.glob("tally-*.whl"))
        data = path.read_bytes()
        return {
            "manager": "pip", "name": "tally", "version": "1.0", "url": path.as_uri(), "file": path.name,
            "sha256": hashlib.sha256(data).hexdigest(), "md5": "", "size": len(data), "build": "", "subdir": "", "depends": [],
        }  # fmt: skip

    def plan(self, *names: str, wheels: bool = False) -> dict[str, Any]:
        """A plan for the newest packages of these names ("dial=1.0": that one), as a lock would make it."""
        entries = [self.entry(*name.split("=")) for name in names] + ([self.wheel()] if wheels else [])
        said = repr([PLATFORM, *sorted((one["name"], one["version"], one["url"], one["sha256"]) for one in entries)])
        digest = hashlib.sha256(said.encode()).hexdigest()
        return {"digest": digest, "platform": PLATFORM, "virtual": {"__glibc": "2.17"}, "packages": entries}


def ensure_channel() -> Channel:
    """The channel of this machine: made once, and kept until this file or Python changes."""
    sources = [Path(module.__file__ or "").read_bytes() for module in (conda_archive, conda_python, sys.modules[__name__])]
    key = hashlib.sha256(b"".join(sources) + repr((sys.version, sys.base_prefix)).encode()).hexdigest()[:16]
    top = Path(sys.prefix) / "channels"  # beside the old tools
    top.mkdir(exist_ok=True)
    place = top / key
    with locked(str(top / "lock"), exclusive=True):
        if not place.exists():
            for old in top.iterdir():
                if old.is_dir():
                    remove_tree(str(old))
            _make(top / "new")
            (top / "new").rename(place)
    return Channel(place)


def _make(channel: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        lines = [
            _python(channel, work / "python"), _pip(channel, work / "pip"), _prefixdemo(channel, work / "prefixdemo"),
            _greeter(channel, work / "greeter"), _activator(channel, work / "activator"),
        ]  # fmt: skip
        for name, version, depends in (
            ("dial", "1.0", ()), ("dial", "1.1", ()), ("dial", "2.0", ()), ("dialer", "1.0", ("dial >=1.0,<2",)),
            ("fleeting", "1.0", ()), ("spoiled", "1.0", ()), ("antique", "1.0", ()),
        ):  # fmt: skip
            lines.append(_tiny(channel, work / f"{name}{version}", name, version, depends))
    for line in lines:
        if line["name"] == "spoiled":
            line["sha256"], line["md5"] = "0" * 64, "0" * 32
        if line["name"] == "antique":
            del line["sha256"]
    write_repodata(channel, lines)
    _wheel(channel / "wheels")


def _python(channel: Path, tree: Path) -> dict[str, Any]:
    prefixes = conda_python.copy_python(tree)
    version = ".".join(map(str, sys.version_info[:3]))
    return write_package(channel, Package("python", version, PLATFORM, ("__glibc >=2.17",), prefixes=prefixes), tree)


def _pip(channel: Path, tree: Path) -> dict[str, Any]:
    """The pip that is installed beside us."""
    for path in metadata.files("pip") or []:
        name = path.as_posix()
        if name.startswith("pip") and not name.endswith(".pyc"):
            (tree / "site-packages" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path.locate(), tree / "site-packages" / name)
    scripts = ("pip = pip._internal.cli.main:main",)
    package = Package("pip", metadata.version("pip"), depends=("python >=3.8",), noarch="python", scripts=scripts)
    return write_package(channel, package, tree)


def _prefixdemo(channel: Path, tree: Path) -> dict[str, Any]:
    (tree / "bin").mkdir(parents=True)
    words = ["-O1", f'-DPLACE="{PLACEHOLDER}/share"', "-x", "c", "-", "-o", str(tree / "bin" / "prefixdemo")]
    subprocess.run(["gcc", *words], input=_PROGRAM, text=True, check=True)
    prefixes = {"bin/prefixdemo": "binary"}
    return write_package(channel, Package("prefixdemo", "1.0", PLATFORM, ("__glibc >=2.17",), prefixes=prefixes), tree)


def _greeter(channel: Path, tree: Path) -> dict[str, Any]:
    texts = {"greeter.py": _GREETER, **_dist_info("greeter", "greet = greeter:main")}
    for name, text in texts.items():
        _write(tree / "site-packages" / name, text)
    scripts = ("greet = greeter:main",)
    return write_package(channel, Package("greeter", "1.0", depends=("python >=3.8",), noarch="python", scripts=scripts), tree)


def _activator(channel: Path, tree: Path) -> dict[str, Any]:
    _write(tree / "etc/conda/activate.d/activator.sh", 'export ACTIVATOR_HOME="$CONDA_PREFIX/share/activator"\n')
    _write(tree / "etc/conda/deactivate.d/activator.sh", "unset ACTIVATOR_HOME\n")
    _write(tree / "etc/conda/env_vars.d/activator.json", '{"ACTIVATOR_LEVEL": "seven"}\n')
    return write_package(channel, Package("activator", "1.0", noarch="generic"), tree)


def _tiny(channel: Path, tree: Path, name: str, version: str, depends: tuple[str, ...]) -> dict[str, Any]:
    _write(tree / "share" / name / "version", version + "\n")
    suffix = ".tar.bz2" if name == "antique" else ".conda"
    return write_package(channel, Package(name, version, depends=depends, noarch="generic", suffix=suffix), tree)


def _wheel(folder: Path) -> None:
    folder.mkdir()
    texts = {"tally.py": "import sys\ndef main():\n    print('tally', sys.prefix)\n", **_dist_info("tally", "tally = tally:main")}
    texts["tally-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in texts)
    with zipfile.ZipFile(folder / "tally-1.0-py3-none-any.whl", "w") as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name), text)


def _dist_info(name: str, script: str) -> dict[str, str]:
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "entry_points.txt": f"[console_scripts]\n{script}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "INSTALLER": "conda\n",
    }  # fmt: skip
    return {f"{name}-1.0.dist-info/{file}": text for file, text in texts.items()}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _link(source: str, target: str) -> None:
    """Of an archive a link, where that is possible; of repodata.json a copy."""
    if not source.endswith(".json"):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copy(source, target)
