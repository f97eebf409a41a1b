"""Another machine, through the user's own OpenSSH client: one conversation for each command, on a connection that stays open."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial

from reprun.core.asides import add_aside
from reprun.core.errors import ReprunError, ToolError
from reprun.core.frozen import dataclass, replace
from reprun.hosts.base import Attached, Behind, Part, Question
from reprun.hosts.remedies import on_host
from reprun.hosts.session import LinkError, NoRunnerError, OldPythonError, Session
from reprun.hosts.shipping import bootstrap_command, python_command
from reprun.hosts.ssh_sharing import describe_way, end_by_hand
from reprun.hosts.ssh_words import Route, check_address, check_python, find_route, retire
from reprun.hosts.telling import Tell, words_of
from reprun.runner import paths
from reprun.runner.digests import sha256
from reprun.runner.errors import RunnerError
from reprun.runner.files import write_atomic
from reprun.system.clock import pause, ticks
from reprun.system.files import find_bytes
from reprun.system.process import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATIENCE = 30.0
_DOUBT = 5.0  # seconds to wait for the first words of a host through a connection that stood before
_PAUSES = (0.0, 0.5, 1.5)  # seconds before a request is repeated: the first repetition costs nothing where only the link was cut


@dataclass(frozen=True)
class Access:
    """How a host is reached: what ssh is told as its `address`, the interpreter there, the `REPRUN_HOME` there (empty: its
    default), and after how many seconds of silence it counts as hanging."""

    address: str
    python: str = "python3"
    home: str = ""
    patience: float = PATIENCE


class SshHost:
    """A machine on which nothing of reprun is installed."""

    is_here = False

    def __init__(self, name: str, access: Access) -> None:
        self.name = check_address(access.address, name)
        self.place = f"{self.name}\0{access.home}"
        self.access = replace(access, address=self.name)
        self.target = name  # what the user calls it
        check_python(access.python, name)
        self._session: Session | None = None
        self._route: Route | None = None
        self._detour = ""  # "around" a connection of the user's that was silent, or "back" to it: it alone is let in
        self._is_known = False  # it answered, or a connection to it stood: what fails now is the link
        self._is_interrupted = False

    def ask(
        self,
        request: Mapping[str, Any],
        attached: Attached | None = None,
        behind: Behind | None = None,
        tell: Tell | None = None,
    ) -> dict[str, Any]:
        """Sends the request, over a new connection when the one that stood has broken. Raises what `Host.ask` says."""
        conversation = self._converse(lambda: request, attached, behind, tell)
        while True:
            try:
                next(conversation)
            except StopIteration as end:
                answer: dict[str, Any] = end.value
                return answer

    def fetch(self, question: Question, tell: Tell | None = None) -> Generator[Part, None, None]:
        """The same for much; what came in between shows that the link is worth trying again."""
        yield from self._converse(question, None, None, tell)

    def _converse(
        self, question: Question, attached: Attached | None, behind: Behind | None, tell: Tell | None
    ) -> Generator[Part, None, dict[str, Any]]:
        hear = partial(_tell, tell, self.name)
        pauses, until = iter(_PAUSES), ticks() + self.access.patience
        while True:
            try:
                session = self._ready()
                session.send(question(), attached() if attached else None)
                if behind:
                    return self._read_both(session, behind, hear)
                while True:
                    message, body = session.receive(hear)
                    if "part" not in message:
                        return self._read(session, message)
                    pauses, until = iter(_PAUSES), ticks() + self.access.patience
                    yield message["part"], body
            except (LinkError, NoRunnerError, OldPythonError) as error:
                self._mend(error, pauses, until)
            except BaseException:
                if self._session is not None and self._session.pending:
                    self.close()
                raise

    def interrupt(self) -> None:
        """The conversation breaks, and is not begun again."""
        session, self._is_interrupted = self._session, True
        if session is not None:
            session.conversation.kill()

    def connect(self) -> None:
        """Nothing is waited for. A failure is met by the first question."""
        with suppress(LinkError, NoRunnerError, ReprunError):
            self._session = self._session or self._open()

    def _mend(self, error: LinkError | NoRunnerError | OldPythonError, pauses: Iterator[float], until: float) -> None:
        """Does what has to be done before the request is sent again. Raises what `Host.ask` says where that is no use."""
        if self._is_interrupted:
            self._is_interrupted = False
            self.close()
            raise ToolError(f"what {self.name} was asked was interrupted") from None
        if isinstance(error, NoRunnerError):
            self._forget()
            self.close()
        elif isinstance(error, OldPythonError):
            from reprun.hosts.ssh_silence import too_old

            self.close()
            raise too_old(self.name, str(error), self.target) from None
        elif not self._turn(error):
            self._await_repetition(error, pauses, until)

    def _await_repetition(self, error: LinkError, pauses: Iterator[float], until: float) -> None:
        """A pause before the request is sent again, or the error for a link that is not worth it."""
        delay = next(pauses, None) if self._may_repeat(error) else None
        self._drop(error)
        if delay is None or (delay and ticks() > until):
            from reprun.hosts.ssh_trouble import explain, shut_out

            if self._detour == "back":
                raise shut_out(self.name) from None
            raise explain(self.name, error.said, error.status, error.answered, self.target) from None
        pause(delay)

    def warm(self, request: Mapping[str, Any]) -> None:
        """Lets the host begin; nothing is waited for. A failure is met by the first question."""
        self.connect()
        try:
            if self._session is not None and self._session.is_settled:
                self._session.hint({**request, "op": "ahead"})
        except (LinkError, NoRunnerError, ReprunError):
            self.close()

    def python(self) -> str:
        """The runner there knows."""
        return ""

    def attach(self, words: list[str], terminal: bool = True) -> list[str]:
        """The same through ssh. What the words are is hidden from the login shell, which might change them."""
        program = f"import os; w = {words!r}; os.execvp(w[0], w)".encode()
        route = find_route(self.access.address, self.access.patience)
        return [*route.words, "-t" if terminal else "-T", "--", self.access.address, python_command(self.access.python, program)]

    def describe(self) -> dict[str, str]:
        """What ssh makes of the address. Raises `ToolError` when ssh cannot be started."""
        return describe_way(self.name)

    def remedy(self, hint: str) -> str:
        """The same through ssh."""
        return on_host(hint, self.name, self.target)

    def close(self) -> None:
        """Ends the conversation, if there is one; the connection stays for the next command."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _open(self) -> Session:
        self._route = route = find_route(self.access.address, self.access.patience, self._detour == "around")
        words = [*route.words, "-T", "--", self.access.address, bootstrap_command(self.access.python)]
        patience = self.access.patience
        doubt = min(patience, _DOUBT) if route.stood else max(patience, route.connect + 1)  # ssh itself says why it gave up
        if route.theirs and not self._detour:
            doubt = min(patience / 2, _DOUBT)  # what is left is for the way around it
        session = Session(words, self.access.home, (patience, doubt))
        session.greet(self._known() == session.shipment.digest)
        return session

    def _ready(self) -> Session:
        """A conversation with a host that has the runner."""
        self._session = session = self._session or self._open()
        if not session.is_settled:
            session.settle()
        return session

    def _turn(self, error: LinkError) -> bool:
        """True where another way is to be tried: the connection that the user has open may lead nowhere, as ours may. Where only
        that one is let in, it has all the time that there is."""
        if not self._detour and error.status is None and self._route is not None and self._route.theirs:
            self._detour = "around"
        elif self._detour == "around" and not error.answered and "permission denied" in error.said.lower():
            self._detour = "back"
        else:
            return False
        self.close()
        return True

    def _may_repeat(self, error: LinkError) -> bool:
        """True where the link has broken, or never was: what stood before this command may lead nowhere by now."""
        self._is_known = self._is_known or error.answered or (self._route is not None and self._route.stood)
        if self._is_known:
            return True
        from reprun.hosts.ssh_trouble import may_pass

        return may_pass(self.name, error.said, error.status)

    def _drop(self, error: LinkError) -> None:
        """Leaves a link that is gone, or silent: then nobody else is to try it."""
        self.close()
        if error.status is None and self._route is not None:
            retire(self._route)

    def _read(self, session: Session, message: dict[str, Any]) -> dict[str, Any]:
        self._is_known = True
        if self._detour == "around":
            add_aside(f"your connection to {self.name} does not answer: another one is used beside it; {end_by_hand(self.name)}")
        if "answer" in message:
            self._remember(session.shipment.digest)
            answer: dict[str, Any] = message["answer"]
            return answer
        if "error" in message:
            found = message["error"]
            with translated():
                raise RunnerError(found["kind"], f"{found['message']} (on {self.name})", self.remedy(str(found["hint"])))
        raise ToolError(f"the runner on {self.name} failed: {str(message.get('fault')).strip().splitlines()[-1]}")

    def _read_both(self, session: Session, behind: Behind, hear: Callable[[object], None]) -> dict[str, Any]:
        """The answer, and that to what goes behind: none when the link breaks before it, or the host could not do it."""
        more, behind.answer = behind.make(), None
        if more is None:
            return self._read(session, session.receive(hear)[0])
        behind.unheard += 1
        session.send(more)
        behind.meanwhile()
        try:
            return self._read(session, session.receive(hear)[0])
        finally:
            if session.pending == 1:  # the first was answered, if only with a refusal
                try:
                    behind.answer = session.receive(hear)[0].get("answer")
                    behind.unheard -= behind.answer is not None
                except LinkError as error:
                    self._drop(error)

    def _known(self) -> str:
        """The digest of the runner that this host had when it was last asked."""
        return (find_bytes(self._memo()) or b"").decode("utf-8", "replace")

    def _remember(self, digest: str) -> None:
        """A memo, which may fail."""
        if self._known() != digest:
            with suppress(OSError):
                os.makedirs(os.path.dirname(self._memo()), mode=0o700, exist_ok=True)
                write_atomic(self._memo(), digest.encode(), durable=False)

    def _forget(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._memo())

    def _memo(self) -> str:
        digest = sha256(f"{self.access.address}\0{self.access.home}".encode()).hexdigest()[:16]
        return os.path.join(paths.home(), "cache", f"host-{digest}")


def _tell(tell: Tell | None, name: str, step: object) -> None:
    if tell:
        tell(words_of(step, name))
