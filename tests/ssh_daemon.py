"""One sshd of the tests: started without a service manager, stopped, and its connections killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

from lab import find_sshd, until


class Daemon:
    """An sshd that reads `config` and writes `log`. `prefix` are words that start it elsewhere, as in a namespace."""

    def __init__(self, config: Path, address: tuple[str, int], prefix: tuple[str, ...] = ()) -> None:
        self.config, self.address, self.prefix = config, address, prefix
        self.log = config.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None
        self._sessions: set[tuple[int, str]] = set()  # of daemons that were stopped

    def start(self) -> None:
        """Returns when it listens."""
        sshd = find_sshd()
        assert sshd is not None and self.process is None
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd wants it when root starts it
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sshd, "-D", "-e", "-f", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
            )  # fmt: skip
        until(self._listens, f"sshd listens; {self.log}")

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(self.address, 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """New connections are refused. The ones that stand go on, as when the service is stopped on a real host."""
        if self.process is not None:
            self._sessions |= set(self._children())
            self.process.terminate()
            self.process.wait()
            self.process = None

    def kill_connections(self) -> None:
        """Ends every connection at once. What the commands left running goes on; sshd itself does too."""
        for pid, born in {*self._sessions, *self._children()}:
            if _born(pid) == born:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self._sessions.clear()

    def connections(self) -> int:
        """How many stand now, of this sshd."""
        return 0 if self.process is None else len(_sshd_children(self.process.pid))

    def _children(self) -> list[tuple[int, str]]:
        """The processes of sshd that serve a connection, with the time of their birth; not the commands that they started."""
        found, parents = [], [] if self.process is None else [self.process.pid]
        while parents:
            children = _sshd_children(parents.pop())
            parents += children
            found += [(pid, _born(pid)) for pid in children]
        return found


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
