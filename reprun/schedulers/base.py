"""What every scheduler offers, and how one is found by name."""

from __future__ import annotations

from reprun.core.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

SUPERVISE = "@supervise"  # the runner puts the words that start its supervisor here
SOCKET = "@socket"  # and here the socket of this user's sessions on the host


@dataclass(frozen=True)
class Submission:
    """What a scheduler may know of a run: its id, which is safe in any argument, and the socket of this user's sessions."""

    run_id: str
    socket: str


class Scheduler(Protocol):
    """Turns a run into the words that submit it and the words that show it."""

    name: str

    def submit(self, submission: Submission) -> list[str]:
        """The command that starts the run, `SUPERVISE` standing for the supervisor."""

    def attach(self, submission: Submission) -> list[str]:
        """The command that shows the run to a person."""

    def look(self, submission: Submission) -> list[str]:
        """The command that succeeds while there is something to show."""

    def session(self, submission: Submission) -> str:
        """The name under which the scheduler knows the run."""
