"""tmux: a named session for each run, on a socket of our own, without the user's configuration."""

from __future__ import annotations

from reprun.schedulers.base import SUPERVISE, Submission


class TmuxScheduler:
    """tmux executes `#(command)` in names, so only run ids are ever used; after `--` several words run without a shell."""

    name = "tmux"

    def submit(self, submission: Submission) -> list[str]:
        """`new-session` in the background; a second one of the same name is refused by tmux."""
        return [
            *self._tmux(submission),
            "new-session",
            "-d",
            "-x",
            "180",
            "-y",
            "50",
            "-s",
            self.session(submission),
            "--",
            SUPERVISE,
        ]

    def attach(self, submission: Submission) -> list[str]:
        """Attaches to exactly this session: without `=` tmux would take a prefix."""
        return [*self._tmux(submission), "attach-session", "-t", "=" + self.session(submission)]

    def look(self, submission: Submission) -> list[str]:
        """Asks for exactly this session."""
        return [*self._tmux(submission), "has-session", "-t", "=" + self.session(submission)]

    def session(self, submission: Submission) -> str:
        """The run id."""
        return submission.run_id

    def _tmux(self, submission: Submission) -> list[str]:
        return ["tmux", "-S", submission.socket, "-f", "/dev/null"]
