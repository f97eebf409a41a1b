"""What every host offers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping

from reprun.hosts.telling import Tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol
else:
    Protocol = object

Attached = Callable[[], Iterable[bytes]]  # makes the bytes that go with a request; again when the request is repeated
Question = Callable[[], "Mapping[str, Any]"]  # makes a request for what has not come yet
Part = tuple["dict[str, Any]", bytes | memoryview]  # the bytes are there until the next part is asked for


class Behind:
    """A request that follows another at once, before that is answered: the two take one round trip. The host does nothing about
    it that it should not do if it refuses the first; both may be repeated.

    `make` is called while the host is at work, each time that the first is sent; it may find that there is nothing to send.
    `meanwhile` is called when it has been sent, and nothing is left but to wait.
    `answer` is None when it is not known, and `unheard` says how often the request was sent and nothing was heard of it.
    """

    def __init__(self, make: Callable[[], Mapping[str, Any] | None], meanwhile: Callable[[], object]) -> None:
        self.make = make
        self.meanwhile = meanwhile
        self.answer: dict[str, Any] | None = None
        self.unheard = 0


class Host(Protocol):
    """A machine on which the runner answers. `name` is the user's word for it; `is_here` says that it is this machine; what is
    remembered of it is remembered under `place`."""

    name: str
    place: str
    is_here: bool

    def ask(
        self,
        request: Mapping[str, Any],
        attached: Attached | None = None,
        behind: Behind | None = None,
        tell: Tell | None = None,
    ) -> dict[str, Any]:
        """Sends one request to the runner and returns its answer. `behind` is sent only where a round trip takes time; `tell`
        hears what the host is doing, when that takes long.

        Every request may be repeated: what it does is named by a run id or a digest. Raises `UnreachableError` when it is not
        known whether the request arrived, and what the runner refused as the error of its kind.
        """

    def connect(self) -> None:
        """Says that a request will come soon: the way there may be opened meanwhile."""

    def interrupt(self) -> None:
        """Said by another thread: what is being asked now fails soon, where that is possible. What is asked later does not."""

    def fetch(self, question: Question, tell: Tell | None = None) -> Generator[Part, None, None]:
        """Asks for much, and gives (what it is, bytes) as it comes. Where the link breaks, the `question` is made anew.

        Who does not read to the end closes the generator. Raises what `ask` raises.
        """

    def warm(self, request: Mapping[str, Any]) -> None:
        """Says that a `prepare` with these fields will come soon: what takes time and changes nothing may begin."""

    def python(self) -> str:
        """The interpreter that runs the runner there; empty when the runner knows best."""

    def attach(self, words: list[str], terminal: bool = True) -> list[str]:
        """The command on this machine that runs words there, with a terminal or as a plain filter."""

    def describe(self) -> dict[str, str]:
        """How it is reached, for people: `address`, `user`, `hostname`, `port`, `jumps`, `sharing`; nothing for this machine."""

    def remedy(self, hint: str) -> str:
        """A hint of the runner, as somebody in front of this machine types it."""
