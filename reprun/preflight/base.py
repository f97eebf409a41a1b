"""The family of checks, and the proof that they passed."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.frozen import dataclass, field
from reprun.core.spec import Attempt, RunSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol
else:
    Protocol = object

REFUSE, WARN = "refuse", "warn"
LEVELS = ("quick", "full", "off")


@dataclass(frozen=True)
class Finding:
    """Something that would make the run fail, or (`warn`) that may: one sentence and the way to mend it."""

    check: str
    message: str
    hint: str
    severity: str = REFUSE


@dataclass(frozen=True)
class Cleared:
    """The proof that a run passed preflight: starting it takes one. Only `clearing.clear` makes them.

    `digests` are the SHA-256 of reports that lie in the folder of the run, by their names; `rehearsed` is what was run before it:
    the runs of the `sanity` experiments that passed, and what the probe said of `determinism`.
    """

    attempt: Attempt
    checks: tuple[str, ...]
    level: str = "quick"
    warnings: tuple[Finding, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    rehearsed: dict[str, Any] = field(default_factory=dict)


def sources_of(prepared: Mapping[str, Any]) -> str:
    """The file to which a package is added so that the job gets it; empty for an environment that is not locked."""
    locked = prepared.get("locked") or {}
    if not locked:
        return ""
    return {"uv": "pyproject.toml", "requirements": "requirements.txt"}.get(str(locked.get("kind")), "environment.yml")


class Check(Protocol):
    """One check: pure, fed with what the target answered when the run was prepared."""

    name: str

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """Everything that is wrong; an empty list when nothing is."""
