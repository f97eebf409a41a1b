"""What became of a run: the outcome that lies beside the manifest, and the words for every state."""

from __future__ import annotations

from time import gmtime, strftime

from reprun.core.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A run is in one of these states; `unreachable` is a state of the link to the target, never of the run.
STATES = (
    "unstarted", "queued", "starting", "running", "finished", "failed", "stopped", "canceled", "lost", "unreachable", "unknown",
)  # fmt: skip
FINAL = frozenset({"finished", "failed", "stopped", "canceled", "lost"})


# What became of the question: it was answered (or nothing had to be asked), the target did not answer, it was not asked.
LINKS = ("ok", "unreachable", "not asked")


@dataclass(frozen=True)
class Sighting:
    """What was last seen of a run on another machine, `at` so many seconds since the epoch. `ended`: it has an outcome."""

    state: str
    reason: str = ""
    exit_code: int | None = None
    at: float = 0.0
    ended: bool = False

    @property
    def data(self) -> dict[str, Any]:
        """For JSON, with a time as all others are."""
        moment = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(self.at))
        return {"state": self.state, "reason": self.reason, "exit_code": self.exit_code, "at": moment}


@dataclass(frozen=True)
class RunState:
    """A state and the reason for it: `lost`, `host rebooted`. `record` is outcome.json or started.json as far as it exists.

    `link` is one of LINKS; `last` is what was seen when the target was last asked, where it could not be asked now.
    """

    state: str
    reason: str = ""
    exit_code: int | None = None
    record: dict[str, Any] = field(default_factory=dict, repr=False)
    link: str = "ok"
    last: Sighting | None = None

    @property
    def words(self) -> str:
        """`finished 0`, `failed 137`, `lost (host rebooted)`."""
        text = self.state
        if self.state in ("finished", "failed") and self.exit_code is not None:
            text += f" {self.exit_code}"
        return f"{text} ({self.reason})" if self.reason else text

    @property
    def data(self) -> dict[str, Any]:
        """What every command's JSON says of a state."""
        return {
            "state": self.state, "reason": self.reason, "exit_code": self.exit_code, "state_words": self.words,
            "link": self.link, "last_known": None if self.last is None else self.last.data,
        }  # fmt: skip

    @property
    def is_final(self) -> bool:
        """True when nothing can change any more."""
        return self.state in FINAL

    @property
    def has_outcome(self) -> bool:
        """True when the run came to an end that was recorded by its supervisor."""
        return bool(self.record.get("ended"))


def state_of(answer: dict[str, Any]) -> RunState:
    """The state as the runner answers it: `{"state", "reason", "exit_code", "record"}`. It may be another machine's."""
    state, code = answer.get("state"), answer.get("exit_code")
    return RunState(
        state if state in STATES else "unknown",
        str(answer.get("reason", "")),
        code if isinstance(code, int) else None,
        dict(answer.get("record") or {}),
    )


def exit_status(state: RunState) -> int:
    """The exit status of `reprun wait` for a run: its own, 128+n for a signal, 4 when nobody can know it, 3 when it was taken out
    of the queue before it began."""
    if state.exit_code is not None:
        return state.exit_code
    if state.state == "canceled":
        return 3
    return 0 if state.state == "finished" else 4
