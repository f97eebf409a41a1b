"""One sshd of the tests: started without a service manager, stopped, and its connections killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from lab import find_sshd, until


class Daemon:
    """An sshd that reads `config` and writes a log beside it. `prefix` are words that start it elsewhere, as in a namespace."""

    def __init__(self, config: Path) -> None:
        self.config, self.log = config, config.with_suffix(".log")
        self.prefix: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: set[tuple[int, str]] = set()  # of daemons that were stopped

    def start(self) -> None:
        """Returns when it listens."""
        sshd = find_sshd()
        assert sshd is not None and self._process is None
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd wants it when root starts it
        with self.log.open("ab") as log:
            said = log.tell()
            self._process = subprocess.Popen(
                [*self.prefix, sshd, "-D", "-e", "-f", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
            )  # fmt: skip
        until(lambda: self._listens(said), "sshd listens")

    def _listens(self, said: int) -> bool:
        """Its log tells; a connection to try it would be one that stands."""
        log = self.log.read_bytes()[said:]
        assert self._process is not None and self._process.poll() is None, log
        return b"Server listening on" in log

    def stop(self) -> None:
        """New connections are refused. The ones that stand go on, as when the service is stopped on a real host."""
        if self._process is not None:
            self._sessions |= set(self._children())
            for pid in self._listener():
                _kill(pid, signal.SIGTERM)
            self._process.wait()
            self._process = None

    def _listener(self) -> list[int]:
        """The process that accepts connections, where there is one."""
        if self._process is None:
            return []
        return _sshd_children(self._process.pid) if self.prefix else [self._process.pid]

    def kill_connections(self) -> None:
        """Ends every connection at once. What the commands left running goes on; sshd itself does too."""
        for pid, born in {*self._sessions, *self._children()}:
            if _born(pid) == born:
                _kill(pid, signal.SIGKILL)
        self._sessions.clear()

    def connections(self) -> int:
        """How many stand now, of this sshd."""
        return sum(len(_sshd_children(pid)) for pid in self._listener())

    def _children(self) -> list[tuple[int, str]]:
        """The processes of sshd that serve a connection, with the time of their birth; not the commands that they started."""
        found, parents = [], self._listener()
        while parents:
            children = _sshd_children(parents.pop())
            parents += children
            found += [(pid, _born(pid)) for pid in children]
        return found


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _sshd_children(parent: int) -> list[int]:
    """The children of a process that are an sshd of some kind."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_sshd_of(int(name), parent)]


def _is_sshd_of(pid: int, parent: int) -> bool:
    fields = _stat(pid)
    return len(fields) > 2 and fields[0].startswith("sshd") and int(fields[2]) == parent


def _born(pid: int) -> str:
    """When the process was started, in ticks since boot; nothing when it is gone."""
    fields = _stat(pid)
    return fields[20] if len(fields) > 20 else ""


def _stat(pid: int) -> list[str]:
    """The name, the state, the parent and so on; nothing when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    name, _, rest = text.partition("(")[2].rpartition(")")
    return [name, *rest.split()]
