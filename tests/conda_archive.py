"""Writes conda packages: `.conda` archives, and the older `.tar.bz2`, from folders; and the list of them, repodata.json."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

PLATFORM = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(platform.machine(), "linux-64")
PLACEHOLDER = ("/opt/made_elsewhere" + "_placehold" * 30)[:255]  # as long as conda's: what takes its place is padded in programs
_STAMP = 1_700_000_000  # of everything: equal files make equal archives


@dataclass(frozen=True)
class Package:
    """What a package says of itself. `prefixes`: the files in which PLACEHOLDER stands, each "text" or "binary"; `scripts`:
    console scripts of a `noarch: python`; `suffix` chooses the kind of archive."""

    name: str
    version: str
    subdir: str = "noarch"
    depends: tuple[str, ...] = ()
    noarch: str = ""
    build_number: int = 0
    prefixes: dict[str, str] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    suffix: str = ".conda"

    @property
    def build(self) -> str:
        """One build of each."""
        return f"{'pyh' if self.noarch == 'python' else 'h'}0_{self.build_number}"

    @property
    def stem(self) -> str:
        """The name of its archive."""
        return f"{self.name}-{self.version}-{self.build}"

    def index(self) -> dict[str, Any]:
        """The package's index.json."""
        found = {
            "name": self.name, "version": self.version, "build": self.build, "build_number": self.build_number,
            "depends": list(self.depends), "subdir": self.subdir, "license": "none", "timestamp": _STAMP * 1000,
        }  # fmt: skip
        return {**found, "noarch": self.noarch} if self.noarch else found


def write_package(channel: Path, package: Package, tree: Path) -> dict[str, Any]:
    """Packs the files under `tree` into the channel and returns their line in repodata.json, with `fn`."""
    rows = [_row(path, tree, package) for path in sorted(tree.rglob("*")) if path.is_symlink() or path.is_file()]
    info: dict[str, Any] = {
        "info/index.json": package.index(), "info/paths.json": {"paths": rows, "paths_version": 1}, "info/about.json": {},
    }  # fmt: skip
    if package.noarch == "python":
        noarch = {"type": "python", "entry_points": list(package.scripts)}
        info["info/link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    texts = {name: json.dumps(value).encode() for name, value in info.items()}
    texts["info/files"] = "".join(f"{row['_path']}\n" for row in rows).encode()
    if package.prefixes:
        lines = (f'"{PLACEHOLDER}" {mode} "{name}"\n' for name, mode in package.prefixes.items())
        texts["info/has_prefix"] = "".join(lines).encode()
    target = channel / package.subdir / (package.stem + package.suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = _conda(package, texts, rows, tree) if package.suffix == ".conda" else _tar("w:bz2", texts, rows, tree)
    target.write_bytes(data)
    hashes = {"md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return {**package.index(), **hashes, "fn": target.name}


def write_repodata(channel: Path, lines: list[dict[str, Any]]) -> None:
    """The list of the packages of each folder."""
    for subdir in (PLATFORM, "noarch"):
        kinds: dict[str, dict[str, Any]] = {".tar.bz2": {}, ".conda": {}}
        for line in lines:
            if line["subdir"] == subdir:
                kind = ".conda" if line["fn"].endswith(".conda") else ".tar.bz2"
                kinds[kind][line["fn"]] = {key: value for key, value in line.items() if key != "fn"}
        repodata = {
            "info": {"subdir": subdir}, "packages": kinds[".tar.bz2"], "packages.conda": kinds[".conda"],
            "removed": [], "repodata_version": 1,
        }  # fmt: skip
        folder = channel / subdir
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / "repodata.json.new"
        aside.write_text(json.dumps(repodata, indent=1))
        aside.replace(folder / "repodata.json")


def _row(path: Path, tree: Path, package: Package) -> dict[str, Any]:
    name = path.relative_to(tree).as_posix()
    data = path.read_bytes()
    row: dict[str, Any] = {"_path": name, "path_type": "softlink" if path.is_symlink() else "hardlink"}
    row.update(sha256=hashlib.sha256(data).hexdigest(), size_in_bytes=len(data))
    if name in package.prefixes:
        row.update(prefix_placeholder=PLACEHOLDER, file_mode=package.prefixes[name])
    return row


def _conda(package: Package, texts: dict[str, bytes], rows: list[dict[str, Any]], tree: Path) -> bytes:
    """A zip file that holds two compressed tar files: what the package says of itself, and its files."""
    target = io.BytesIO()
    press = zstandard.ZstdCompressor(level=1)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in (
            ("metadata.json", b'{"conda_pkg_format_version": 2}'),
            (f"pkg-{package.stem}.tar.zst", press.compress(_tar("w", {}, rows, tree))),
            (f"info-{package.stem}.tar.zst", press.compress(_tar("w", texts, [], tree))),
        ):
            archive.writestr(zipfile.ZipInfo(name), data)
    return target.getvalue()


def _tar(mode: Any, texts: dict[str, bytes], rows: list[dict[str, Any]], tree: Path) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode) as archive:
        for name, data in texts.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), _STAMP
            archive.addfile(member, io.BytesIO(data))
        for row in rows:
            path = os.path.join(tree, row["_path"])
            member = archive.gettarinfo(path, row["_path"])
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = _STAMP
            if member.isreg():
                with open(path, "rb") as file:
                    archive.addfile(member, file)
            else:
                archive.addfile(member)
    return target.getvalue()
