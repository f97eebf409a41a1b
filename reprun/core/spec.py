"""What a launch is asked to do, and the receipts that its steps hand on."""

from __future__ import annotations

from typing import Any

from reprun.core.frozen import dataclass, field
from reprun.core.seeds import Seeds


@dataclass(frozen=True)
class ConfigRecord:
    """The resolved config: `text` is, to the byte, the file that the job gets as `{config}`; `values` is what it says."""

    source: str
    format: str
    sets: tuple[str, ...]
    text: str
    values: dict[str, Any]


@dataclass(frozen=True)
class RunSpec:
    """One run as asked for, complete: from here on nothing depends on the options or the files that were read.

    `cwd` is relative to the worktree; `variables` are set for the job, `secrets` are passed on by name and their values
    never recorded. `commit` is set when a recorded commit is to run (reproduce) instead of a snapshot of the dev tree.
    """

    argv: tuple[str, ...]
    cwd: str
    seeds: Seeds
    name: str = ""
    why: str = ""
    config: ConfigRecord | None = None
    target: str = "local"
    gpus: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    hash_limit: int = 1 << 30
    parent: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Attempt:
    """A try at launching a run: the `first`, which finds nothing of an earlier one, or another that carries on."""

    run_id: str
    first: bool


@dataclass(frozen=True)
class Snapshot:
    """A commit that holds the dev tree as it stood at one moment, kept alive by `ref`."""

    commit: str
    tree: str
    parent: str
    branch: str
    ref: str
    dirty: bool
    changed: int = 0
    added: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Worktree:
    """The read-only checkout of a commit on the target, and the Git directory (`store`) that it belongs to."""

    path: str
    store: str


@dataclass(frozen=True)
class Job:
    """A started job: where it lives on the target and what was known of it when the launch returned."""

    run_id: str
    run_dir: str
    session: str
    attach: tuple[str, ...]
    state: str
