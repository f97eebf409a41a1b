"""Hosts for tests: a real sshd on a loopback port for each, with keys and configuration of its own, in one folder.

Works as root and as any other user, who then is also the one who logs in.

    def test_a_launch_far_away(ssh_lab: SshLab, repo: Path, reprun: Callable[..., Answer]) -> None:
        gpu1 = ssh_lab.host("gpu1", shell="fish", rc="echo hello\\n", without=("tmux",))
        answer = reprun("launch", "--json", "--on", gpu1.name, "--", "true", env=gpu1.environ)
        assert "tmux" in answer.stderr and not list(gpu1.home.rglob("manifest.json"))

A link that is slow or breaks is made by a relay (relay.py), a host that is lost as a whole by `power_cut()`:

        relay = ssh_lab.relay(gpu1)  # gpu1 is also gpu1-far then, by way of the relay
        relay.delay_ms = 25
        relay.when(relay.cut, "client", packets=30)

`.environ` serves all hosts of the lab: they have one ssh_config. It says only what the user of a real host would have said: no
BatchMode, no time limit, no multiplexing. HOME on the host is an empty folder, and REPRUN_HOME is not set there.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from known_runner import put_runner
from lab import SECONDS, end_processes_of, remove_with_processes
from relay import Relay
from ssh_daemon import Daemon
from ssh_login import Login

_SSHD = """ListenAddress {address}
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM {pam}
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserRC no
PrintMotd no
LogLevel VERBOSE
Subsystem sftp /usr/lib/openssh/sftp-server
SetEnv HOME={folder}/nobody
ForceCommand {folder}/login
{settings}
"""
# A key exchange that costs little: the usual one is 100 ms of processor time for each connection. With this cipher the length
# of a packet is not hidden, so that a relay can count packets.
_CLIENT = """Host {name}
  HostName {address}
  Port {port}
  User {user}
  HostKeyAlias {alias}
  UserKnownHostsFile {lab}/known_hosts
  GlobalKnownHostsFile /dev/null
  IdentityFile {lab}/user_key
  IdentitiesOnly yes
  KexAlgorithms curve25519-sha256
  Ciphers aes128-gcm@openssh.com
"""


class SshLab:
    """The client's side: a key, an ssh_config, known_hosts; and the hosts."""

    def __init__(self) -> None:
        # Short, for the sockets below it.
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="reprun-ssh-")))
        self.config = self.folder / "ssh_config"
        self.known_hosts = self.folder / "known_hosts"
        self.hosts: dict[str, SshHost] = {}
        self.relays: list[Relay] = []
        make_key(self.folder / "user_key")
        self.config.touch()
        self.known_hosts.touch()

    def host(self, name: str = "gpu1", settings: str = "", **login: Any) -> SshHost:
        """A host that is up and known to the client. `settings` are more lines for sshd; for `login` see `Login`."""
        host = SshHost(self, name, Login(**login), settings)
        self.hosts[name] = host
        host.start()
        return host

    def relay(self, host: SshHost, name: str = "") -> Relay:
        """A relay that leads to the host, which is also known as `relay.name` then: gpu1-far, or what is asked for."""
        relay = Relay(host.address, name or f"{host.name}-far")
        self.relays.append(relay)
        self.add(relay.name, host, ("127.0.0.1", relay.port))
        return relay

    def add(self, name: str, host: SshHost, address: tuple[str, int]) -> None:
        """A name for a host in the ssh_config, with an address that leads to it."""
        text = _CLIENT.format(
            name=name, address=address[0], port=address[1], user=user_name(), alias=host.name, lab=self.folder,
        )  # fmt: skip
        with self.config.open("a") as file:
            file.write(text)

    def close(self) -> None:
        """Ends all hosts, with whatever still runs on them, and the client's connections."""
        for relay in self.relays:
            relay.close()
        for host in self.hosts.values():
            host.power_cut()
        remove_with_processes(str(self.folder))


class SshHost:
    """One host. Its sshd runs until `stop()`; `power_cut()` ends everything on it, and `start()` boots it again."""

    def __init__(self, lab: SshLab, name: str, login: Login, settings: str = "", address: tuple[str, int] | None = None) -> None:
        self.lab, self.name, self.config = lab, name, lab.config
        self.folder = lab.folder / name
        self.folder.mkdir()
        (self.folder / "nobody").mkdir()  # HOME of the shell that only starts the login script
        self.home = login.home_in(self.folder)
        self.authorized_keys = self.folder / "authorized_keys"
        self.address = address or ("127.0.0.1", free_port())
        self.port = self.address[1]
        login.write(self.folder)
        values = {"address": self.address[0], "port": self.address[1], "folder": self.folder, "pam": _pam()}
        config = self.folder / "sshd_config"
        config.write_text(_SSHD.format(**values, settings=settings))
        shutil.copy(lab.folder / "user_key.pub", self.authorized_keys)
        self.daemon = Daemon(config)
        self.new_host_key()
        lab.add(name, self, self.address)
        self.know()

    @property
    def command(self) -> list[str]:
        """How to call ssh: the words before options and the name."""
        return ["ssh", "-F", str(self.config)]

    @property
    def environ(self) -> dict[str, str]:
        """What makes reprun call ssh so."""
        return {"REPRUN_SSH": shlex.join(self.command)}

    def meet(self) -> SshHost:
        """Makes it a host that has this version's runner already."""
        put_runner(self.home / ".local/share/reprun")
        return self

    def run(self, command: str, stdin: bytes = b"", name: str | None = None) -> subprocess.CompletedProcess[bytes]:
        """Runs one command line on the host, in its login shell, over a new connection."""
        words = [*self.command, "-T", "-o", "BatchMode=yes", "--", name or self.name, command]
        return subprocess.run(words, input=stdin, capture_output=True, timeout=SECONDS, check=False)

    def start(self) -> None:
        """Starts sshd; returns when it listens."""
        self.daemon.start()

    def stop(self) -> None:
        """Stops sshd: new connections are refused, those that stand go on."""
        self.daemon.stop()

    def restart(self) -> None:
        """As `systemctl restart ssh` does."""
        self.stop()
        self.start()

    def kill_connections(self) -> None:
        """Ends every connection at once; sshd goes on, and so does what a command left running."""
        self.daemon.kill_connections()

    def power_cut(self) -> None:
        """Everything on the host is gone, only files stay."""
        self.stop()
        self.kill_connections()
        end_processes_of(f"{self.folder}/")

    def new_host_key(self) -> None:
        """Gives the host another key, which the client does not know. A running sshd goes on with the old one."""
        for name in ("host_key", "host_key.pub"):
            (self.folder / name).unlink(missing_ok=True)
        make_key(self.folder / "host_key")

    def know(self) -> None:
        """Makes the client know the host's key, instead of one that it knew before."""
        kind, key = (self.folder / "host_key.pub").read_text().split()[:2]
        self.forget()
        with self.lab.known_hosts.open("a") as file:
            file.write(f"{self.name} {kind} {key}\n")

    def forget(self) -> None:
        """Makes the client know no key of the host."""
        lines = self.lab.known_hosts.read_text().splitlines(keepends=True)
        self.lab.known_hosts.write_text("".join(line for line in lines if line.split()[0] != self.name))


def make_key(path: Path) -> None:
    """A new pair of keys at `path` and `path`.pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], stdin=subprocess.DEVNULL, check=True)


def _pam() -> str:
    """Without PAM, which adds variables and messages of this machine; sshd then refuses an account that has no password, as
    root often is, when it may read the passwords."""
    if os.geteuid() == 0 and f"\n{user_name()}:!" in "\n" + Path("/etc/shadow").read_text():
        return "yes"
    return "no"


def user_name() -> str:
    """Who logs in: who runs the tests."""
    return pwd.getpwuid(os.geteuid()).pw_name


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
