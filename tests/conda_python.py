"""The CPython that runs the tests as a tree that can be packed: it finds its parts beside itself, wherever it is unpacked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from conda_archive import PLACEHOLDER

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
# What no test needs, so that making an environment is quick.
_LEFT_OUT = {
    "test", "tests", "idlelib", "turtledemo", "lib2to3", "tkinter", "ensurepip", "pydoc_data", "__pycache__", "site-packages",
    "dist-packages", "EXTERNALLY-MANAGED", "sitecustomize.py", "turtle.py", "_pydecimal.py",
}  # fmt: skip
_LAUNCHER = "int Py_BytesMain(int, char **);\nint main(int count, char **words) { return Py_BytesMain(count, words); }\n"


def copy_python(tree: Path) -> dict[str, str]:
    """Copies the interpreter into `tree`; returns the files that name the place that they were made for."""
    lib = tree / "lib" / f"python{VERSION}"
    shutil.copytree(sysconfig.get_path("stdlib"), lib, symlinks=False, ignore=_left_out)
    (lib / "site-packages").mkdir()
    (lib / "site-packages" / "README.txt").write_text("packages go here\n")
    (tree / "bin").mkdir()
    _copy_program(tree)
    for alias in ("python", "python3"):
        (tree / "bin" / alias).symlink_to(f"python{VERSION}")
    _undo_debian(lib)
    return dict(_name_placeholder(tree, lib))


def _left_out(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name in _LEFT_OUT or name.startswith("config-") or name.endswith((".pyc", ".a"))]


def _copy_program(tree: Path) -> None:
    """Where Python is a library, a program that looks for it beside itself: the one that is here may look in one place only."""
    program = tree / "bin" / f"python{VERSION}"
    library = os.path.join(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    if not (sysconfig.get_config_var("Py_ENABLE_SHARED") and os.path.isfile(library)):
        shutil.copy(os.path.realpath(sys.executable), program)
        return
    shutil.copy(library, tree / "lib")
    copied = tree / "lib" / os.path.basename(library)
    copied.chmod(0o755)
    words = ["-o", str(program), "-x", "c", "-", "-x", "none", str(copied), "-Wl,-rpath,$ORIGIN/../lib"]
    subprocess.run(["gcc", *words], input=_LAUNCHER, text=True, check=True)
    extensions = [str(path) for path in tree.glob("lib/python*/lib-dynload/*.so")]
    subprocess.run(["strip", "--strip-unneeded", str(copied), *extensions], check=True)


def _undo_debian(lib: Path) -> None:
    """Debian's Python looks for packages in folders that are called otherwise: also the `site` that is frozen in it."""
    for name in ("site.py", "sysconfig.py", "sysconfig/__init__.py"):
        path = lib / name
        if path.exists():
            text = path.read_text()
            if "dist-packages" in text:
                path.write_text(text.replace("dist-packages", "site-packages").replace("base}/local", "base}"))
                (lib / "dist-packages").mkdir(exist_ok=True)
                (lib / "dist-packages" / "others.pth").write_text("../site-packages\n")


def _name_placeholder(tree: Path, lib: Path) -> list[tuple[str, str]]:
    found = []
    for path in lib.glob("_sysconfigdata*.py"):
        path.write_text(path.read_text().replace(f"'{sys.base_prefix}'", f"'{PLACEHOLDER}'"))
        found.append((path.relative_to(tree).as_posix(), "text"))
    return found
