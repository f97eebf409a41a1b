"""What the shell may complete. `fastpath` answers for run ids before Typer is loaded; this serves the rest."""

from __future__ import annotations

import os
from collections.abc import Callable


def complete_run(incomplete: str) -> list[str]:
    """Run ids and names that begin so."""
    from reprun.cli.fastpath import find_candidates, find_common_dir

    try:
        return list(find_candidates(incomplete, find_common_dir(os.environ, os.getcwd())))
    except (OSError, ValueError):
        return []


def one_of(*words: str) -> Callable[[str], list[str]]:
    """A completion of words that are known beforehand."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def complete_waiting(incomplete: str) -> list[str]:
    """Runs that wait in the queue of this machine; where none begins so, any run: it may wait far away."""
    from reprun.core.measured import items, mapping

    try:
        from reprun.runner.main import handle

        entries = [mapping(entry) for entry in items(handle({"op": "queue", "do": "ls"}).get("entries"))]
    except Exception:  # whatever is wrong, a key press gets no traceback
        entries = []
    waiting = [entry for entry in entries if entry.get("state") in ("queued", "held")]
    words = [str(entry.get(field) or "") for field in ("name", "run_id") for entry in waiting]
    return _fitting(words, incomplete) or complete_run(incomplete)


def complete_sweep(incomplete: str) -> list[str]:
    """YAML files, and the folders on the way to them, that begin so."""
    return [path for path in complete_config(incomplete) if path.endswith(("/", ".yaml", ".yml"))]


def complete_task(incomplete: str) -> list[str]:
    """Tasks of the last sweeps that begin so."""
    import json

    from reprun.cli.fastpath import find_common_dir

    names: list[str] = []
    try:
        folder = os.path.join(find_common_dir(os.environ, os.getcwd()), "reprun", "sweeps")
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            if entry.name.endswith(".json") and entry.name != "runs.json":
                with open(entry.path, encoding="utf-8") as file:
                    names += [str(step["name"]) for step in json.load(file)["steps"]]
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return _fitting(names, incomplete)


def _fitting(words: list[str], start: str) -> list[str]:
    """Those that begin so, each once. Names may come from a stranger, and zsh evaluates what it is told: only plain ones."""
    from reprun.cli.fastpath import MOST, is_plain

    return [word for word in dict.fromkeys(words) if word and word.startswith(start) and is_plain(word)][:MOST]


def complete_target(incomplete: str) -> list[str]:
    """The targets of the settings that begin so; also behind a comma."""
    from reprun.core.errors import ReprunError
    from reprun.workspace import open_workspace

    try:
        names = {"local", *open_workspace().settings.targets}
    except (ReprunError, OSError):
        names = {"local"}
    before, comma, start = incomplete.rpartition(",")
    return sorted(before + comma + name for name in names if name.startswith(start))


def complete_config(incomplete: str) -> list[str]:
    """Config files, and the folders on the way to them, that begin so."""
    folder, _, start = incomplete.rpartition("/")
    try:
        entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    prefix = incomplete[: len(incomplete) - len(start)]
    fitting = [entry for entry in entries if entry.name.startswith(start) and (start or not entry.name.startswith("."))]
    folders = [f"{prefix}{entry.name}/" for entry in fitting if entry.is_dir()]
    return [prefix + entry.name for entry in fitting if entry.name.endswith((".yaml", ".yml", ".json", ".toml"))] + folders
