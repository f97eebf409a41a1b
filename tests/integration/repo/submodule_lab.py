"""Repositories with a submodule, and what happens in one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import Run
from snapshot_lab import sacred

LIB = "libs/my lib"


def make_lib(git: Run, folder: Path, *words: str) -> Path:
    """A repository with two commits; the files in the second differ."""
    (folder / "deep").mkdir(parents=True)
    (folder / "code.py").write_text("version = 1\n")
    (folder / "deep" / "data.bin").write_bytes(bytes(range(256)))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("deep/data.bin")
    git("init", "-q", *words, str(folder))
    for version in (1, 2):
        (folder / "code.py").write_text(f"version = {version}\n")
        git("add", "--all", cwd=folder)
        git("commit", "-qm", f"lib {version}", cwd=folder)
    return folder


def add(git: Run, source: Path, path: str, cwd: Path | None = None) -> None:
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), path, cwd=cwd)
    git("commit", "-qm", f"add {path}", cwd=cwd)


def everything(folder: Path) -> dict[str, object]:
    """All that git keeps in a folder of its own, objects and all (about `sharedindex` see `fingerprint`)."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    times = {path: 0 if path.name.startswith("sharedindex.") else path.stat().st_mtime_ns for path in files}
    return {str(path): (path.read_bytes(), path.stat().st_mode, times[path]) for path in files}


@contextmanager
def untouched(repo: Path, *subs: Path) -> Iterator[None]:
    """Neither the dev tree nor anything of its submodules differs after the block, not even their objects."""
    inner = [repo / ".git" / "modules", *(sub / ".git" for sub in subs if (sub / ".git").is_dir())]
    before = [everything(folder) for folder in inner]
    with sacred(repo):
        yield
    for folder, known in zip(inner, before, strict=True):
        now = everything(folder)
        assert [path for path in known.keys() | now.keys() if known.get(path) != now.get(path)] == []


def edited(lib: Path, git: Run) -> None:
    (lib / "code.py").write_text("edited\n")


def staged_and_more(lib: Path, git: Run) -> None:
    edited(lib, git)
    git("add", "--all", cwd=lib)
    (lib / "code.py").write_text("edited again\n")
    (lib / "deep" / "new\nfile").write_text("new")


def new(lib: Path, git: Run) -> None:
    (lib / "new.py").write_text("new\n")
    with open(os.path.join(os.fsencode(lib), b"bad\xff"), "wb") as file:
        file.write(b"name")


def nested(lib: Path, git: Run) -> None:
    """A submodule in the submodule, changed; the one in between is committed."""
    source = make_lib(git, lib.parents[2] / "inner")
    add(git, source, "inner", cwd=lib)
    git("commit", "-qam", "with inner")
    (lib / "inner" / "code.py").write_text("innermost\n")
    (lib / "inner" / "new.py").write_text("innermost\n")


def secret(lib: Path, git: Run) -> None:
    (lib / ".env").write_text("TOKEN=1\n")


def staged_secret(lib: Path, git: Run) -> None:
    secret(lib, git)
    git("add", ".env", cwd=lib)
