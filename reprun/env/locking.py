"""Making a lock with conda-lock, in a process of its own: importing it costs half a second, and a solver may hang."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from reprun.core.errors import ToolError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import is_recordable, show
from reprun.env.checking import check_selectors
from reprun.env.complaints import explain, too_slow
from reprun.env.names import table_of_names
from reprun.env.solver import Solver
from reprun.env.sources import LOCK, Sources
from reprun.system.files import ensure_dir, find_bytes, remove_tree, write_atomic
from reprun.system.long_process import Watch, run_watched

_BACKEND, _BUILD = re.compile(rb"^\s*build-backend\s*=", re.MULTILINE), re.compile(rb"^\s*\[build-system\]", re.MULTILINE)
_SILENCE = "5"  # seconds for one of its tries
_STALE = "the lock does not fit the sources"
_STUB = f"""#!/bin/sh
case $1 in --version) echo conda 24.9.0; exit;; esac
echo '{{"message": "{_STALE}"}}'
exit 1
"""


class ChannelsError(UsageError):
    """An old lock is from other channels, so that nothing of it can be kept."""


@dataclass(frozen=True)
class Order:
    """What to lock: `sources` for each of `platforms` with the virtual packages there (none: conda-lock's defaults).

    `update` names packages to move to their newest version while the rest of the old lock stays. `cache` is a folder for what
    channels say, `lock` is where the lock will be, `names` a table for names of PyPI (none: ours).
    """

    sources: Sources
    platforms: Mapping[str, Mapping[str, str]]
    cache: str
    seconds: float
    update: tuple[str, ...] = ()
    lock: str = LOCK
    names: str = ""


def make_lock(order: Order, solver: Solver, old: bytes | None, tell: Callable[[str], None]) -> bytes:
    """The text of a new lock; what `old` says of other platforms stays in it.

    Raises `UsageError` for sources that cannot be solved, `ToolError` for a channel that cannot be read, or too late.
    """
    check_selectors(order.sources)
    if order.update:
        _check_update(order, old)
    folder = make_folder(order.cache)
    try:
        _write(folder, "meta.json", json.dumps(_metadata(order, solver, old)).encode())
        words = ["--conda", solver.program(folder), "--metadata-yaml", os.path.join(folder, "meta.json")]
        words += [word for name in order.update for word in ("--update", name)]
        platforms = ", ".join(order.platforms)
        tell(f"solving {order.sources.names} for {platforms} with {solver.words}")
        done, said, heard = _run(folder, order, words, old, tell)
        if done is None:
            raise too_slow(order.sources.names, order.seconds, heard, order.sources.has_pip)
        text = find_bytes(os.path.join(folder, "work", order.lock))
        if done and "The channel configuration has changed" in said:
            what = f"{order.sources.names} names other channels than the lock: no part of it can stay as it is"
            raise ChannelsError(what, hint="reprun env lock --force solves everything anew")
        if done and order.update and "KeyError: " in said:
            raise _not_named(order, order.update)
        if done or text is None:
            raise explain(order.sources.names, platforms, said, heard)
        return text
    finally:
        remove_tree(folder)


def is_current(order: Order, lock: bytes) -> bool:
    """True when `lock` was made from sources that say the same, for each platform. Solves nothing.

    conda-lock compares, and would start the solver next: the one that it is given here only says so.
    """
    folder = make_folder(order.cache)
    try:
        stub = os.path.join(folder, "conda")
        write_atomic(stub, _STUB.encode(), 0o700, durable=False)
        done, said, heard = _run(folder, order, ["--conda", stub, "--check-input-hash"], lock, lambda text: None)
        if done is None:
            raise too_slow(order.sources.names, order.seconds, heard, order.sources.has_pip)
        if done and _STALE not in said:
            raise explain(order.sources.names, ", ".join(order.platforms), said, heard)
        return done == 0
    finally:
        remove_tree(folder)


def make_folder(cache: str) -> str:
    """A folder for one solve, not in /tmp: there, some machines start no programs. Raises `UsageError` where py-rattler cannot
    work."""
    import tempfile

    if not is_recordable(cache):
        what = f"REPRUN_HOME has a name that is not in UTF-8: nothing can be solved in {show(cache)}"
        raise UsageError(what, hint="export REPRUN_HOME=<a folder of yours>")
    return tempfile.mkdtemp(prefix="solve-", dir=ensure_dir(cache))


def _check_update(order: Order, old: bytes | None) -> None:
    """conda-lock would solve everything anew for a name that it does not know."""
    from reprun.env.lockfile import read_names

    if old is None:
        raise UsageError("there is no lock in which anything could be updated", hint="reprun env lock")
    strange = [name for name in order.update if name not in read_names(old)]
    if strange:
        raise _not_named(order, strange)


def _not_named(order: Order, names: Sequence[str]) -> UsageError:
    return UsageError(
        f"{', '.join(map(show, names))}: only what {order.sources.names} names, and the lock has, can be updated",
        hint="reprun env lock --force solves everything anew",
    )


def _run(
    folder: str, order: Order, words: Sequence[str], old: bytes | None, tell: Callable[[str], None]
) -> tuple[int | None, str, list[str]]:
    """conda-lock's exit status (None: it took too long), what it said, and what our solver let us hear."""
    work, says = os.path.join(folder, "work"), os.path.join(folder, "says")
    for path, data in order.sources.files:
        _write(work, path, _with_backend(data) if path.endswith(".toml") else data)
    if old is not None:
        _write(work, order.lock, old)
    _write(folder, "virtual.json", json.dumps({"subdirs": _spec(order.platforms)}).encode())
    _write(folder, "names.json", table_of_names())
    argv = [sys.executable, "-P", "-m", "conda_lock", "lock", "--lockfile", order.lock, *words]
    argv += ["--pypi_to_conda_lookup_file", order.names or os.path.join(folder, "names.json")]
    if any(order.platforms.values()):
        argv += ["--virtual-package-spec", os.path.join(folder, "virtual.json")]
    argv += [word for name in order.platforms for word in ("--platform", name)]
    argv += [word for path, _ in order.sources.files for word in ("--file", path)]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CONDA_OVERRIDE_", "CONDA_FLAGS", "PYTHON"))}
    env |= {"REPRUN_SOLVER_SAYS": says, "REPRUN_SOLVER_CACHE": order.cache, "PYTHONIOENCODING": "utf-8", "TMPDIR": folder}
    env.setdefault("POETRY_REQUESTS_TIMEOUT", _SILENCE)  # conda-lock looks into indexes of pip as poetry does, six times
    done = run_watched(argv, work, env, Watch(order.seconds, lambda: _hear(says, tell)))
    heard = (find_bytes(says) or b"").decode("utf-8", "replace").splitlines()
    return (None, "", heard) if done is None else (done.returncode, done.stderr.decode("utf-8", "replace"), heard)


def _with_backend(data: bytes) -> bytes:
    """A pyproject.toml that names its build backend: conda-lock breaks at one that does not, though nothing is built."""
    if _BACKEND.search(data):
        return data
    if _BUILD.search(data):
        return _BUILD.sub(b"[build-system]\nbuild-backend = 'none'", data, count=1)
    return data + b"\n[build-system]\nrequires = []\nbuild-backend = 'none'\n"


def _hear(says: str, tell: Callable[[str], None]) -> None:
    lines = (find_bytes(says) or b"").decode("utf-8", "replace").splitlines()
    if lines and not lines[-1].startswith("{"):
        tell(lines[-1])


def _write(folder: str, path: str, data: bytes) -> None:
    place = os.path.join(folder, path)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    write_atomic(place, data, durable=False)


def _spec(platforms: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The file that conda-lock wants. It knows only the platforms that are in it, so those of an old lock must be, too."""
    return {
        name: {"packages": {one: f"1 {text}" if one == "__archspec" else text for one, text in virtual.items()}}
        for name, virtual in platforms.items()
    }


def _metadata(order: Order, solver: Solver, old: bytes | None) -> dict[str, str]:
    """What a lock of ours says of itself, for its platforms; what the old one said of others stays true."""
    virtual, made_from = dict[str, dict[str, str]](), dict[str, str]()
    if old is not None:
        from reprun.env.lockfile import read_head

        with suppress(ToolError):  # it is made anew because it is damaged
            head = read_head(old)
            virtual, made_from = head.virtual, head.made_from
    virtual = {**virtual, **{name: dict(packages) for name, packages in order.platforms.items()}}
    made_from = {**made_from, **dict.fromkeys(order.platforms, order.sources.digest)}
    return {
        "reprun-solver": solver.words,
        "reprun-sources": json.dumps(made_from, sort_keys=True),
        "reprun-virtual-packages": json.dumps(virtual, sort_keys=True),
    }
