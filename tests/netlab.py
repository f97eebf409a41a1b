"""Hosts for tests that are as far apart as real ones: namespaces for each, and a network that leads nowhere else. Root only.

As the hosts of ssh_lab.py, and moreover each has

- an address of its own, on a network that this process joins too while the lab is there. No packet can leave it: it has no
  default route, and ends in this process (netlab_switch.py);
- its own host name, machine-id, processes and /tmp, and a boot id that is another after a power cut. It sees nothing of the
  tests' folders. `limit_home` and `make_home_read_only` are for its disk;
- a cable that can be cut, in one direction only too, and be long; a host whose power is cut is silent.

    def test_the_answer_is_lost(net_lab: NetLab, repo: Path, reprun: Callable[..., Answer]) -> None:
        gpu1, gpu2 = net_lab.host("gpu1"), net_lab.host("gpu2", shell="fish")
        gpu1.delay_ms = 25
        gpu1.cut(to=False)  # requests arrive, answers do not
        answer = reprun("launch", "--json", "--on", "gpu1", "--", "true", env=gpu1.environ)
        assert answer.rc == 4
        gpu1.heal()
        gpu2.power_cut()
        gpu2.start()

TCP repeats what was lost ever more rarely: after a long cut some time passes until a connection goes on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Any

from netlab_switch import Cable, Switch, open_tun
from ssh_lab import SshHost, SshLab
from ssh_login import Login

_NEWNET = 0x40000000
_NET = "10.87.0."
_INIT = Path(__file__).parent / "netlab_init.sh"
_NAMESPACES = ["unshare", "--net", "--uts", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
_UP = 'ip link set lo up && ip link set "$1" name eth0 && ip address add "$2/24" dev eth0 && ip link set eth0 mtu 1500 up'


class NetLab(SshLab):
    """The client's side. This thread, and what it starts, is in the network of the lab until `close`."""

    def __init__(self) -> None:
        super().__init__()
        self._before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _call("unshare", _NEWNET)
        self.switch = Switch()
        self.cable = Cable(f"{_NET}1", open_tun("client"))
        _run("sh", "-euc", _UP, "up", "client", self.cable.address)
        self.switch.plug(self.cable)
        self.switch.start()

    def host(self, name: str = "gpu1", settings: str = "", **login: Any) -> NetHost:
        """A host that is up and known to the client. `settings` are more lines for sshd; for `login` see `Login`."""
        host = NetHost(self, name, Login(**login), settings, (f"{_NET}{11 + len(self.hosts)}", 22))
        self.hosts[name] = host
        host.start()
        return host

    def move(self) -> None:
        """The client is in another place, with another address. Connections that stand hang."""
        last = int(self.cable.address.rpartition(".")[2]) % 10 + 1
        _run("ip", "address", "flush", "dev", "eth0")
        self.switch.rename(self.cable, f"{_NET}{last}")
        _run("ip", "address", "add", f"{self.cable.address}/24", "dev", "eth0")

    def close(self) -> None:
        """Ends all, and leaves the network."""
        super().close()
        self.switch.close()
        _call("setns", self._before, _NEWNET)
        os.close(self._before)


class NetHost(SshHost):
    """One host. `start` boots it when its power was cut."""

    lab: NetLab

    def __init__(self, lab: NetLab, name: str, login: Login, settings: str, address: tuple[str, int]) -> None:
        super().__init__(lab, name, login, settings, address)
        (self.folder / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        self.cable = Cable(address[0], -1)
        self._init: subprocess.Popen[bytes] | None = None
        self._inside: tuple[str, ...] = ()

    @property
    def delay_ms(self) -> float:
        """How long a packet is on its way, in one direction."""
        return self.cable.delay * 1000

    @delay_ms.setter
    def delay_ms(self, delay: float) -> None:
        self.cable.delay = delay / 1000

    def cut(self, to: bool = True, of: bool = True) -> None:
        """Packets to the host, and packets of it, are lost on the way; nobody is told."""
        self.cable.to, self.cable.of = not to, not of

    def heal(self) -> None:
        """Packets pass again."""
        self.cable.to = self.cable.of = True

    def start(self) -> None:
        """Boots the host, unless it is up; starts sshd."""
        if self._init is None:
            self._boot()
        super().start()

    def _boot(self) -> None:
        (self.folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
        log = self.folder / "init.log"
        with log.open("ab") as errors:
            self._init = subprocess.Popen(
                [*_NAMESPACES, "bash", str(_INIT), str(self.folder), self.name],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
        assert self._init.stdout is not None and self._init.stdout.readline() == b"up\n"
        pid = self.first_process()
        self._inside = ("nsenter", f"--target={pid}", "--net", "--uts", "--mount", "--ipc", "--pid")
        device = f"to-{self.address[0]}"
        self.cable.fd = open_tun(device)
        _run("ip", "link", "set", device, "netns", str(pid))
        self.enter("sh", "-euc", _UP, "up", device, self.address[0])
        self.lab.switch.plug(self.cable)
        self.daemon.prefix = self._inside

    def first_process(self) -> int:
        """Process 1 of the host, as it is called outside."""
        assert self._init is not None
        return _children(self._init.pid)[0]

    def power_cut(self) -> None:
        """Everything on the host dies at once, and it is silent; its disk stays."""
        if self._init is not None:
            self.lab.switch.unplug(self.cable)  # first: what dies says goodbye
            for pid in _children(self._init.pid):
                os.kill(pid, signal.SIGKILL)
            self._init.wait()
            self._init = None
        self.stop()

    def enter(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Runs words as root on the host, without ssh."""
        return subprocess.run([*self._inside, *words], stdin=subprocess.DEVNULL, capture_output=True, check=check)

    def limit_home(self, size: str) -> None:
        """HOME is an empty disk of that size, as "4m", until the power is cut."""
        self.enter("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", str(self.home))

    def make_home_read_only(self) -> None:
        """Until the power is cut."""
        self.enter("mount", "--bind", str(self.home), str(self.home))
        self.enter("mount", "-o", "remount,bind,ro", str(self.home))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _run(*words: str) -> None:
    subprocess.run(words, stdin=subprocess.DEVNULL, check=True)


def _call(name: str, *numbers: int) -> None:
    """A call of the C library that concerns this thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*numbers) != 0:
        raise OSError(ctypes.get_errno(), name)
