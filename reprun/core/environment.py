"""What `[environment]` in reprun.toml says."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field

KINDS = ("auto", "conda", "uv", "requirements", "system")
PROJECT = ("auto", "path", "install", "none")
DRIFT = ("record", "refuse", "export")


@dataclass(frozen=True)
class EnvironmentRules:
    """How the environment of a run is made.

    `kind` "auto" is conda where the repository has a lock or the sources of one, else uv where it has a uv.lock, else
    requirements where it has a requirements.txt with hashes. `python` is the version of Python that a virtual environment is made
    from. `project` says how the job finds the code of the worktree as a package. `files` are the sources (none: the usual ones),
    `categories` those that a run needs. `overrides` are virtual packages by name; an empty version takes one away. `solver` is
    "auto", "py-rattler" or a program. `fetch` says who fetches packages first, the "host" or the "dev" machine; `labels` where
    else in its channel a package is looked for that is gone. `pypi_names` is a table of names for conda-lock (none: ours).
    """

    kind: str = "auto"
    files: tuple[str, ...] = ()
    lock: str = "conda-lock.yml"
    categories: tuple[str, ...] = ("main",)
    platforms: tuple[str, ...] = ()
    overrides: dict[str, str] = field(default_factory=dict)
    solver: str = "auto"
    timeout: float = 600.0
    drift: str = "record"
    fetch: str = "host"
    labels: tuple[str, ...] = ("main", "broken")
    python: str = ""
    project: str = "auto"
    pypi_names: str = ""
