"""Another machine, through the user's own OpenSSH client: one conversation for each command, on a connection that stays open."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from reprun.core.errors import ReprunError, ToolError
from reprun.core.frozen import dataclass
from reprun.hosts.base import Attached
from reprun.hosts.session import LinkError, NoRunnerError, OldPythonError, Session
from reprun.hosts.shipping import bootstrap_command, pack_runner, python_command
from reprun.hosts.ssh_trouble import explain, too_old
from reprun.hosts.ssh_words import check_address, check_python, ssh_words
from reprun.runner import paths
from reprun.runner.errors import RunnerError
from reprun.runner.files import write_atomic
from reprun.system.files import find_bytes
from reprun.system.process import translated

PATIENCE = 30.0


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
        self.place = f"{access.address}\0{access.home}"
        self.access = access
        check_python(access.python, name)
        self._session: Session | None = None

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None) -> dict[str, Any]:
        """Sends the request, over a new connection when the one that stood has broken. Raises what `Host.ask` says."""
        for is_last in (False, False, True):
            try:
                session = self._ready()
                session.send(request, attached() if attached else None)
                return self._read(session)
            except LinkError as error:
                self.close()
                if is_last or not error.answered:
                    raise explain(self.name, error.said, error.status, error.answered) from None
            except NoRunnerError:
                self._forget()
                self.close()
            except OldPythonError as error:
                self.close()
                raise too_old(self.name, str(error)) from None
            except BaseException:
                if attached:
                    self.close()  # a request may be half sent
                raise
        raise AssertionError

    def warm(self, request: Mapping[str, Any]) -> None:
        """Connects, and lets the host begin; nothing is waited for. A failure is met by the first question."""
        try:
            self._session = session = self._open()
            if session.is_settled:
                session.send({**request, "op": "ahead"})
        except (LinkError, ReprunError):
            self._session = None

    def python(self) -> str:
        """The runner there knows."""
        return ""

    def attach(self, words: list[str]) -> list[str]:
        """The same through ssh, with a terminal. What the words are is hidden from the login shell, which might change them."""
        program = f"import os; w = {words!r}; os.execvp(w[0], w)".encode()
        return [*ssh_words(self.access.address), "-t", "--", self.access.address, python_command(self.access.python, program)]

    def close(self) -> None:
        """Ends the conversation, if there is one; the connection stays for the next command."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> Session:
        words = [*ssh_words(self.access.address), "-T", "--", self.access.address, bootstrap_command(self.access.python)]
        shipment = pack_runner()
        session = Session(words, shipment, self.access.home, self.access.patience)
        session.is_settled = self._known() == shipment.digest
        return session

    def _ready(self) -> Session:
        """A conversation with a host that has the runner."""
        self._session = session = self._session or self._open()
        if not session.is_settled:
            session.settle()
            os.makedirs(os.path.dirname(self._memo()), mode=0o700, exist_ok=True)
            write_atomic(self._memo(), session.shipment.digest.encode(), durable=False)
        return session

    def _read(self, session: Session) -> dict[str, Any]:
        while True:
            message = session.receive()
            if "answer" in message:
                answer: dict[str, Any] = message["answer"]
                return answer
            if "error" in message:
                found = message["error"]
                hint = str(found["hint"]).replace("reprun doctor", f"reprun doctor --on {self.name}")
                with translated():
                    raise RunnerError(found["kind"], f"{found['message']} (on {self.name})", hint)
            raise ToolError(f"the runner on {self.name} failed: {str(message.get('fault')).strip().splitlines()[-1]}")

    def _known(self) -> str:
        """The digest of the runner that this host had when it was last asked."""
        return (find_bytes(self._memo()) or b"").decode("utf-8", "replace")

    def _forget(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._memo())

    def _memo(self) -> str:
        from hashlib import sha256

        digest = sha256(f"{self.access.address}\0{self.access.home}".encode()).hexdigest()[:16]
        return os.path.join(paths.home(), "cache", f"host-{digest}")
