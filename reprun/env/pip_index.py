"""Where the packages of a requirements.txt are: pip looks into its index, for a Python that may be on another machine."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from reprun.core.errors import RefusedError, ToolError
from reprun.core.text import show
from reprun.env.requirements import Item
from reprun.env.uv_lock import file_of, plain
from reprun.env.wheels import Pinned, Wheel, abi_of, tags_of
from reprun.runner.captures import archive_sha256
from reprun.system.files import find_bytes, make_temporary_folder, remove_tree, write_atomic
from reprun.system.long_process import Watch, run_watched
from reprun.system.process import run

_WORDS = (
    "install", "--dry-run", "--ignore-installed", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input",
    "--disable-pip-version-check", "--quiet", "--timeout=15", "--retries=1",
)  # fmt: skip
_OLDEST = (22, 3)  # which can say what it would install
_UNFETCHED = re.compile(r"Could not fetch URL (\S+): (.*?)(?: for url: \S+)? - skipping$", re.MULTILINE)
_CAUSE = re.compile(r"(Connection refused|Read timed out|timed out|Name or service not known|certificate verify failed)")
_UNTRUSTED = re.compile(r"The repository located at (\S+) is not a trusted or secure host")
_OTHER_FILE = re.compile(r"^    (\S+) from (\S+?)(?:#\S*)?(?: \(from .*)?:$", re.MULTILINE)
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
        log = os.path.join(folder, "log")
        argv = [*program, *_WORDS, *_for(python), "--target", folder, "--report", report, "--log", log, "-r", wanted]
        done = run_watched(argv, folder, _environment(folder), Watch(seconds, lambda: None))
        if done is None:
            raise ToolError(f"pip took longer than {seconds:g} s to find packages", hint="[environment] timeout in reprun.toml")
        if done.returncode:
            raise explain(done.stderr.decode("utf-8", "replace"), (find_bytes(log) or b"").decode("utf-8", "replace"), python)
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


def explain(said: str, log: str, python: Mapping[str, Any]) -> RefusedError | ToolError:
    """The error for what pip `said`; in its `log` stands why it passed an index over in silence."""
    match, other = _NO_MATCH.search(said), _OTHER_FILE.search(said)
    if other and "DO NOT MATCH THE HASHES" in said:
        what = f"{show(other[1])} in the index is not the file of which requirements.txt has the hash: {show(plain(other[2]))}"
        return RefusedError(what, hint="uv pip compile --generate-hashes, or pip-compile with it, takes what is there now")
    if match:
        passed_over = _index_error(match[1], said, log)
        if passed_over:
            return passed_over
        what = f"no wheel of {show(match[1])} for Python {python['markers']['python_full_version']} in the index"
        return RefusedError(what, hint="only wheels give the same files everywhere; pip config list says which index is asked")
    lines = [_SAYS.sub("//", line) for line in said.splitlines() if line.startswith("ERROR:")]
    what = show(lines[0].removeprefix("ERROR: ")[:300]) if lines else "it says nothing"
    return ToolError(
        f"pip cannot find the packages of requirements.txt: {what}", hint="pip download -r requirements.txt shows more"
    )


def _index_error(name: str, said: str, log: str) -> ToolError | None:
    """Where an index was not read, what it has is not known."""
    for address, why in _UNFETCHED.findall(log):
        if why.startswith("404 "):
            continue
        host = show(urlsplit(address).hostname or address)
        if why.startswith(("401 ", "403 ", "407 ")):
            what = f"the index {show(plain(address))} wants a name and password, or others than it was told: {show(why[:60])}"
            hint = f"a line in ~/.netrc: machine {host} login NAME password PASSWORD; or PIP_INDEX_URL with both"
            return ToolError(what, hint=hint)
        cause = _CAUSE.search(why)
        reason = cause[1] if cause else show(_SAYS.sub("//", why)[:200])
        what = f"{show(name)} is looked for in {show(plain(address))}, which cannot be asked: {reason}"
        return ToolError(what, hint="pip config list says which index is asked; PIP_INDEX_URL names another one")
    untrusted = _UNTRUSTED.search(said)
    if untrusted:
        what = f"pip takes nothing from {show(untrusted[1])}, whose address is not https"
        return ToolError(what, hint=f"pip config set global.trusted-host {show(untrusted[1])}")
    return None


def _pinned(row: Mapping[str, Any]) -> Pinned:
    address, meta = str(row["download_info"]["url"]), row["metadata"]
    digest = archive_sha256(row["download_info"]["archive_info"])
    if not digest:
        raise ValueError(f"no sha256 of {address}")
    return Pinned(
        str(meta["name"]).lower().replace("_", "-"), str(meta["version"]), (Wheel(file_of(address), plain(address), digest),)
    )


def _version(wheel: Wheel | None) -> str:
    return wheel.file.split("-")[1] if wheel and "-" in wheel.file else ""
