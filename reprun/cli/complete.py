"""What the shell may complete. `fastpath` answers for run ids before Typer is loaded; this serves the rest."""

from __future__ import annotations

import os


def complete_run(incomplete: str) -> list[str]:
    """Run ids and names that begin so."""
    from reprun.cli.fastpath import find_candidates, find_common_dir

    try:
        return list(find_candidates(incomplete, find_common_dir(os.environ, os.getcwd())))
    except (OSError, ValueError):
        return []


def complete_target(incomplete: str) -> list[str]:
    """The targets of the settings that begin so."""
    from reprun.core.errors import ReprunError
    from reprun.workspace import open_workspace

    try:
        names = {"local", *open_workspace().settings.targets}
    except (ReprunError, OSError):
        names = {"local"}
    return sorted(name for name in names if name.startswith(incomplete))


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
