"""Two looks at the dev tree with the index of the last snapshot, one after the other, beside other work."""

from __future__ import annotations

from reprun.core.errors import ReprunError
from reprun.repo.last import Last
from reprun.repo.listing import Listing, ask_listing, read_listing
from reprun.system.process import Git, Process


class Looks:
    """Begins with the first. `go_on` begins the second when the first found that nothing differs; `agree` collects it."""

    def __init__(self, git: Git, last: Last) -> None:
        self.last = last
        self._git = git.at(GIT_INDEX_FILE=last.index)
        self._asked: Process[bytes] | None = ask_listing(self._git)
        self._done = 0

    def go_on(self) -> None:
        """Collects a look; another one follows when it was the first and found nothing."""
        asked, self._asked = self._asked, None
        if asked is not None and self._is_empty(asked):
            self._done += 1
            self._asked = ask_listing(self._git) if self._done == 1 else None

    def agree(self) -> bool:
        """Whether both found that the files are as the last snapshot says."""
        while self._asked is not None:
            self.go_on()
        return self._done == 2

    def _is_empty(self, asked: Process[bytes]) -> bool:
        try:
            return read_listing(self._git, asked) == Listing()
        except ReprunError:
            return False  # the look that follows explains it
