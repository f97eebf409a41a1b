"""What a launch is asked to do, and the receipts that its steps hand on."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field
from reprun.core.seeds import Seeds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class ConfigRecord:
    """The resolved config: `text` is, to the byte, the file that the job gets as `{config}`; `values` is what it says."""

    source: str
    format: str
    sets: tuple[str, ...]
    text: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Carried:
    """An ignored file of the dev tree that the run gets a copy of: where it is, and what it held. Never its contents."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class RunSpec:
    """One run as asked for, complete: from here on nothing depends on the options or the files that were read.

    `cwd` is relative to the worktree; `variables` are set for the job, `secrets` are passed on by name and their values
    never recorded. `commit` is set when a recorded commit is to run (reproduce) instead of a snapshot of the dev tree;
    `conversions` is what its manifest says of how the files were written, `lock` the digest of its lock, or "system". `preflight`
    is the level of the checks, and what the settings want to be looked at. `limit` ends the job after so many `steps` or
    `seconds`. `queue` is what is asked of the queue of the target (commands/queue_asked.py), empty for a start at once.
    `sweep` is what the manifest says of the sweep that the run is a task of (docs/reference/manifest.md).
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
    carried: tuple[Carried, ...] = ()
    data: tuple[str, ...] = ()
    hash_limit: int = 1 << 30
    parent: str = ""
    commit: str = ""
    during_operation: bool = False
    conversions: dict[str, Any] = field(default_factory=dict)
    lock: str = ""
    preflight: dict[str, Any] = field(default_factory=dict)
    watch_randomness: bool = False
    limit: dict[str, int] = field(default_factory=dict)
    queue: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """A try at launching a run: the `first`, which finds nothing of an earlier one, or another that carries on."""

    run_id: str
    first: bool


@dataclass(frozen=True)
class Conversions:
    """How the worktree's files are written so that they are the dev tree's (docs/decisions/0010); empty in most repositories.

    `form` is what the runner is told, `record` what the manifest says. `expected` files, path → [size, SHA-256 or nothing], are
    compared; `differ` are known to differ, and allowed to, as is what else will be found, when `accept` is set.
    """

    form: dict[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    differ: list[str] = field(default_factory=list)
    accept: bool = False

    @property
    def was_compared(self) -> bool:
        """Whether the bytes of files of the dev tree are in it."""
        return bool(self.expected or self.differ or self.form.get("filtered"))

    def data(self) -> dict[str, Any]:
        """The fields, or nothing when there is nothing to say."""
        return dict(vars(self)) if self.form or self.expected or self.differ else {}


@dataclass(frozen=True)
class Snapshot:
    """A commit that holds the dev tree as it stood at one moment, kept alive by `ref`.

    `allowed` is what the guard found and `[guard] allow` let in: tables of path, size, reason and new. `submodules` are those
    whose files are in it: tables of path, commit and dirty. `conversions` are the fields of a `Conversions`, or nothing.
    """

    commit: str
    tree: str
    parent: str
    branch: str
    ref: str
    dirty: bool
    changed: int = 0
    added: int = 0
    deleted: int = 0
    allowed: list[dict[str, Any]] = field(default_factory=list)
    operation: str = ""
    submodules: list[dict[str, Any]] = field(default_factory=list)
    conversions: dict[str, Any] = field(default_factory=dict)


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
    reason: str = ""
