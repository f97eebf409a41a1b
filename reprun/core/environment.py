"""What `[environment]` in reprun.toml says."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field

KINDS = ("auto", "conda", "system")
DRIFT = ("record", "refuse", "export")


@dataclass(frozen=True)
class EnvironmentRules:
    """How the environment of a run is made.

    `kind` "auto" is conda where the repository has a lock or the sources of one. `files` are the sources (none: the usual ones),
    `categories` those that a run needs. `overrides` are virtual packages by name; an empty version takes one away. `solver` is
    "auto", "py-rattler" or a program. `fetch` says who fetches packages first, the "host" or the "dev" machine. `pypi_names` is
    a table of names for conda-lock (none: ours).
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
    pypi_names: str = ""
