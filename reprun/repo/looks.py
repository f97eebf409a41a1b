"""Looks at the dev tree beside other work: with the user's index, and then with that of the last snapshot."""

from __future__ import annotations

from reprun.core.errors import ReprunError
from reprun.repo.last import Last
from reprun.repo.listing import Listing, ask_listing, parse_listing
from reprun.system.process import Completed, Git, Process


class Looks:
    """Begins with the first look, at `git`. Where there is a `last` snapshot, `go_on` begins the second after the first."""

    def __init__(self, git: Git, last: Last | None) -> None:
        self.last = last
        self._git = git
        self._asked = ask_listing(git)
        self._done: Completed | None = None
        self._second: Process[bytes] | None = None

    def first(self) -> Listing:
        """What the first look found, as often as it is asked for. Raises what `parse_listing` raises."""
        if self._done is None:
            self._done = self._git.finish(self._asked, "ls-files", check=False)
        return parse_listing(self._git, self._done)

    def go_on(self) -> None:
        """Begins the second look where the first found what it found at the last snapshot."""
        try:
            if self.last is not None and self._second is None and self.first() == _expected(self.last):
                self._second = ask_listing(self._at(self.last))
        except (ReprunError, TypeError, ValueError):  # or the memo is damaged
            return  # whoever wants the first look is told

    def agree(self) -> bool:
        """Whether nothing differs from the last snapshot, and the index of the user says nothing else than it did."""
        second, self._second = self._second, None
        if self.last is None or second is None:
            return False
        git = self._at(self.last)
        try:
            return parse_listing(git, git.finish(second, "ls-files", check=False)) == Listing()
        except ReprunError:
            return False

    def _at(self, last: Last) -> Git:
        return self._git.at(GIT_INDEX_FILE=last.index)


def _expected(last: Last) -> Listing:
    new, changed, gone = last.listing
    return Listing(new, changed, gone)
