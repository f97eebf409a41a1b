"""What became of a run: the outcome that lies beside the manifest, and the words for every state."""

from __future__ import annotations

from typing import Any

from reprun.core.frozen import dataclass, field

# A run is in one of these states; `unreachable` is a state of the link to the target, never of the run.
STATES = ("unstarted", "starting", "running", "finished", "failed", "stopped", "lost", "unreachable", "unknown")
FINAL = frozenset({"finished", "failed", "stopped", "lost"})


@dataclass(frozen=True)
class RunState:
    """A state and the reason for it: `lost`, `host rebooted`. `record` is outcome.json or started.json as far as it exists."""

    state: str
    reason: str = ""
    exit_code: int | None = None
    record: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def words(self) -> str:
        """`finished 0`, `failed 137`, `lost (host rebooted)`."""
        text = self.state
        if self.state in ("finished", "failed") and self.exit_code is not None:
            text += f" {self.exit_code}"
        return f"{text} ({self.reason})" if self.reason else text

    @property
    def is_final(self) -> bool:
        """True when nothing can change any more."""
        return self.state in FINAL

    @property
    def has_outcome(self) -> bool:
        """True when the run came to an end that was recorded by its supervisor."""
        return bool(self.record.get("ended"))


def state_of(answer: dict[str, Any]) -> RunState:
    """The state as the runner answers it: `{"state", "reason", "exit_code", "record"}`."""
    return RunState(
        str(answer.get("state", "unknown")),
        str(answer.get("reason", "")),
        answer.get("exit_code"),
        dict(answer.get("record") or {}),
    )


def exit_status(state: RunState) -> int:
    """The exit status of `reprun wait` for a run: its own, 128+n for a signal, 4 when nobody can know it."""
    if state.exit_code is not None:
        return state.exit_code
    return 0 if state.state == "finished" else 4
