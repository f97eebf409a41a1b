"""Where the packages of a requirements.txt are: pip looks into its index, for a Python that may be on another machine."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from reprun.core.errors import RefusedError, ToolError
from reprun.core.text import show
from reprun.env.requirements import Item
from reprun.env.uv_lock import file_of, plain
from reprun.env.wheels import Pinned, Wheel, abi_of, tags_of
from reprun.system.files import find_bytes, make_temporary_folder, remove_tree, write_atomic
from reprun.system.long_process import Watch, run_watched
from reprun.system.process import run

_WORDS = (
    "install", "--dry-run", "--ignore-installed", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input",
    "--disable-pip-version-check", "--quiet",
)  # fmt: skip
_OLDEST = (22, 3)  # which can say what it would install
_NO_MATCH = re.compile(r"No matching distribution found for (\S+)")
_SAYS = re.compile(r"//[^/\s@]+@")  # a name and password in an address


def locate(items: Sequence[Item], options: Sequence[str], python: Mapping[str, Any], seconds: float) -> tuple[list[Pinned], str]:
    """The packages, each with the file that fits this Python; and the pip that was asked.

    Raises `RefusedError` for one that has no such wheel, `ToolError` where pip cannot be asked or fails.
    """
    pinned = [Pinned(item.name, item.version or _version(item.wheel), (item.wheel,)) for item in items if item.wheel]
    asked = [item for item in items if not item.wheel]
    if not asked:
        return pinned, ""
    program, version = _find_pip()
    folder = make_temporary_folder()
    try:
        wanted, report = os.path.join(folder, "requirements.txt"), os.path.join(folder, "report.json")
        lines = [*(f"{option}\n" for option in options), *map(_line, asked)]  # a password is not for a list of processes
        write_atomic(wanted, "".join(lines).encode(), durable=False)
        argv = [*program, *_WORDS, *_for(python), "--target", folder, "--report", report, "-r", wanted]
        done = run_watched(argv, folder, _environment(folder), Watch(seconds, lambda: None))
        if done is None:
            raise ToolError(f"pip took longer than {seconds:g} s to find packages", hint="[environment] timeout in reprun.toml")
        if done.returncode:
            raise _explained(done.stderr.decode("utf-8", "replace"), python)
        found = json.loads(find_bytes(report) or b"{}")
        return [*pinned, *(_pinned(row) for row in found["install"])], f"pip {version}"
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"pip {version} gave a report that cannot be read: {show(str(error)[:200])}") from None
    finally:
        remove_tree(folder)


def _line(item: Item) -> str:
    return f"{item.name}=={item.version} {' '.join(f'--hash=sha256:{digest}' for digest in item.hashes)}\n"


def _for(python: Mapping[str, Any]) -> list[str]:
    """The machine for which pip is to choose."""
    platforms = dict.fromkeys(tag.split("-")[2] for tag in tags_of(python))
    abi = abi_of(python)
    words = ["--python-version", str(python["markers"]["python_full_version"]).split("+", maxsplit=1)[0]]
    words += ["--implementation", "cp" if abi.startswith("cp") else abi[:2], "--abi", abi, "--abi", "abi3", "--abi", "none"]
    return words + [word for name in platforms if name != "any" for word in ("--platform", name)]


def _find_pip() -> tuple[list[str], str]:
    """How pip is called here, and its version: that of this Python, one that comes with it, or one of PATH."""
    import shutil

    programs = [[sys.executable, "-I", "-m", "pip"]]
    for wheel in sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(os.__file__)), "ensurepip", "_bundled", "pip-*.whl"))):
        programs.append([sys.executable, "-I", os.path.join(wheel, "pip")])
    programs += [[path, "-I", "-m", "pip"] for path in (shutil.which("python3"),) if path]
    for program in programs:
        done = run([*program, "--version"], check=False, env=_environment(os.path.expanduser("~")), cwd="/")
        match = re.match(r"pip (\d+)\.(\d+)\S*", done.stdout.decode("utf-8", "replace"))
        if done.returncode == 0 and match and (int(match[1]), int(match[2])) >= _OLDEST:
            return program, match[0].removeprefix("pip ")
    raise ToolError("the packages of requirements.txt are found with pip 22.3, which is not here", hint="python3 -m ensurepip")


def _environment(folder: str) -> dict[str, str]:
    """What pip gets: the user's settings of indexes and proxies, and nothing of this Python's."""
    left_out = ("PYTHON", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE", "PIP_CONSTRAINT", "PIP_NO_BINARY")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**env, "PYTHONIOENCODING": "utf-8", "TMPDIR": folder}


def _explained(said: str, python: Mapping[str, Any]) -> RefusedError | ToolError:
    match = _NO_MATCH.search(said)
    lines = [_SAYS.sub("//", line) for line in said.splitlines() if line.startswith("ERROR:")]
    if match:
        what = f"no wheel of {show(match[1])} for Python {python['markers']['python_full_version']} in the index"
        return RefusedError(what, hint="only wheels give the same files everywhere; pip config list says which index is asked")
    what = show(lines[0].removeprefix("ERROR: ")[:300]) if lines else "it says nothing"
    return ToolError(
        f"pip cannot find the packages of requirements.txt: {what}", hint="pip download -r requirements.txt shows more"
    )


def _pinned(row: Mapping[str, Any]) -> Pinned:
    address, meta = str(row["download_info"]["url"]), row["metadata"]
    digest = str(row["download_info"]["archive_info"]["hashes"]["sha256"])
    return Pinned(
        str(meta["name"]).lower().replace("_", "-"), str(meta["version"]), (Wheel(file_of(address), plain(address), digest),)
    )


def _version(wheel: Wheel | None) -> str:
    return wheel.file.split("-")[1] if wheel and "-" in wheel.file else ""
