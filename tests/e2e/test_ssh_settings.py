"""Anything in ~/.ssh/config just works: each setting that could come between reprun and a host, with a real sshd."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun
from lab import processes_of, until
from ssh_lab import SshHost, SshLab, make_key

pytestmark = pytest.mark.e2e
SETTINGS = {
    "RemoteCommand": "RemoteCommand echo mine",
    "RequestTTY": "RequestTTY force",
    "LocalCommand": "PermitLocalCommand yes\nLocalCommand cat; touch {folder}/oops",
    "LogLevel": "LogLevel QUIET",
    "forwarding of X and of the agent": "ForwardX11 yes\nForwardAgent yes",
    "forwarding of ports": "LocalForward {taken} 127.0.0.1:1\nDynamicForward {taken}\nExitOnForwardFailure yes",
    "environment": "SendEnv *\nSetEnv LANG=C",
    "EscapeChar": "EscapeChar ~",
    "StdinNull": "StdinNull yes",
    "SessionType": "SessionType none",
    "ForkAfterAuthentication": "ForkAfterAuthentication yes",
    "VisualHostKey": "VisualHostKey yes",
    "Compression": "Compression yes",
    "ControlMaster without a path": "ControlMaster auto",
    "ControlMaster, kept": "ControlMaster auto\nControlPath {folder}/%C\nControlPersist 60",
    "ControlMaster, always": "ControlMaster yes\nControlPath {folder}/%C\nControlPersist yes",
    "ControlMaster, not kept": "ControlMaster auto\nControlPath {folder}/%C",
    "ControlPath alone": "ControlPath {folder}/%C",
    "ControlPersist alone": "ControlPersist 60",
    "new keys are taken": "StrictHostKeyChecking accept-new\nUpdateHostKeys no",
    "BatchMode": "BatchMode no",
    "ConnectTimeout": "ConnectTimeout 50",
    "Match": "Match host gpu1 exec true\nRemoteCommand echo mine",
    "Include": "Include {folder}/included",
}  # fmt: skip


@pytest.fixture
def gpu1(repo: Path, home: Path, ssh_host: SshHost) -> SshHost:
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\n')
    return ssh_host.meet()


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty agent."""
    with subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "agent"], stdout=subprocess.DEVNULL) as process:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        listing = ["ssh-add", "-l"]  # 1: it has no key; 2: nobody listens yet
        until(lambda: subprocess.run(listing, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 1)
        yield
        process.kill()


def configure(host: SshHost, first: str, last: str = "") -> None:
    """Puts lines in front of and behind the settings of the hosts."""
    host.config.write_text(f"{first}\n{host.config.read_text()}\n{last}\n")


def works(reprun: Reprun, host: SshHost, *more: str, target: str = "gpu1") -> dict[str, Any]:
    """A launch works, over a new connection and over one that is open; the data of the second one."""
    found: dict[str, Any] = {}
    for name in ("one", "two"):
        words = ["launch", "--json", "--name", name, f"--on={target}", "--", "sh", "-c", f"echo {name} >$REPRUN_OUTPUT/said"]
        answer = reprun(*words, env=host.environ)
        found = answer.data
        said = Path(found["run_dir"], "output", "said")
        until(said.is_file, f"the job has run: {answer}")
    return found


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_for_all_hosts(gpu1: SshHost, reprun: Reprun, name: str) -> None:
    folder = gpu1.lab.folder / "f"  # short, for sockets
    folder.mkdir()
    (folder / "included").write_text("Host gpu*\nStdinNull yes\nRemoteCommand none\n")
    configure(gpu1, "Host *\n" + SETTINGS[name].format(folder=folder, taken=gpu1.port))
    works(reprun, gpu1)
    assert not (folder / "oops").exists()
    shared = len(list(folder.glob("[0-9a-f]*[0-9a-f]")))
    assert shared == (1 if name in ("ControlMaster, kept", "ControlMaster, always") else 0)
    assert gpu1.daemon.connections() == 1  # it stays for the next command, and both launches went through it


@pytest.mark.parametrize("address", ["{user}@gpu1", "ssh://{user}@gpu1", "ssh://gpu1:{port}", "{user}@gpu1.lab.example"])
def test_the_forms_of_an_address(gpu1: SshHost, reprun: Reprun, address: str) -> None:
    configure(gpu1, "Host gpu1.lab.*\n  HostName 127.0.0.1\nMatch originalhost gpu1.lab.*\n" + "".join(
        line + "\n" for line in gpu1.config.read_text().splitlines()[2:]))  # fmt: skip
    user = re.search("User (.*)", gpu1.config.read_text())
    assert user
    name = address.format(user=user[1], port=gpu1.port)
    (Path.cwd() / "reprun.toml").write_text(f'[targets.gpu1]\nhost = "{name}"\n')
    works(reprun, gpu1)
    if "@" in name:
        assert reprun("doctor", "--on", name, env=gpu1.environ).rc == 0


IPV6 = pytest.mark.parametrize("address", ["::1", "{user}@::1", "{user}@[::1]"])


@IPV6
def test_an_address_of_ipv6(gpu1: SshHost, reprun: Reprun, address: str) -> None:
    """As far as ssh, which finds the address in the user's settings: they lead to a host of any kind of network."""
    reach(gpu1, reprun, address, gpu1.config.read_text().replace("Host gpu1", "Host ::1"))


@IPV6
@pytest.mark.needs("ipv6")
def test_a_network_of_ipv6(gpu1: SshHost, reprun: Reprun, address: str) -> None:
    text = (gpu1.folder / "sshd_config").read_text()
    (gpu1.folder / "sshd_config").write_text(f"ListenAddress [::1]:{gpu1.port}\n{text}")
    gpu1.restart()
    config = gpu1.config.read_text().replace("Host gpu1", "Host ::1").replace("  HostName 127.0.0.1\n", "")
    reach(gpu1, reprun, address, config)


def reach(host: SshHost, reprun: Reprun, address: str, config: str) -> None:
    configure(host, "", config)
    (Path.cwd() / "reprun.toml").write_text(f'[targets.gpu1]\nhost = "{address.format(user=getpass.getuser())}"\n')
    works(reprun, host)


def test_a_jump_host(gpu1: SshHost, ssh_lab: SshLab, reprun: Reprun) -> None:
    gate = ssh_lab.host("gate")
    configure(gpu1, "Host gpu1\n  ProxyJump gate")
    works(reprun, gpu1)
    assert gate.daemon.connections() == 1
    assert "by way of gate" in reprun("doctor", "--on", "gpu1", env=gpu1.environ).stdout


def test_a_proxy_command(gpu1: SshHost, reprun: Reprun) -> None:
    command = "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3; kill $!'"
    configure(gpu1, f"Host gpu1\n  ProxyCommand {command}")
    works(reprun, gpu1)


@pytest.mark.needs("ssh-agent", "ssh-add")
def test_a_key_that_only_an_agent_has(gpu1: SshHost, reprun: Reprun, agent: None) -> None:
    key = gpu1.lab.folder / "user_key"
    subprocess.run(["ssh-add", "-q", key], check=True, stdin=subprocess.DEVNULL)
    key.unlink()
    works(reprun, gpu1)
    gpu1.run("true")
    found = subprocess.run(["ssh-add", "-l"], capture_output=True, text=True, check=True).stdout
    assert len(found.splitlines()) == 1


def test_certificates(gpu1: SshHost, reprun: Reprun) -> None:
    """Of the user, signed by an authority that the host trusts, and of the host, by one that known_hosts names."""
    folder = gpu1.lab.folder
    make_key(folder / "authority")
    sign = ["ssh-keygen", "-q", "-s", folder / "authority", "-I", "tests"]
    subprocess.run([*sign, "-n", getpass.getuser(), folder / "user_key.pub"], check=True)
    subprocess.run([*sign, "-h", "-n", "gpu1", gpu1.folder / "host_key.pub"], check=True)
    text = (gpu1.folder / "sshd_config").read_text()
    more = f"TrustedUserCAKeys {folder}/authority.pub\nHostCertificate {gpu1.folder}/host_key-cert.pub\n"
    (gpu1.folder / "sshd_config").write_text(more + text)
    gpu1.restart()
    gpu1.authorized_keys.write_text("")
    gpu1.lab.known_hosts.write_text("@cert-authority gpu1 " + (folder / "authority.pub").read_text())
    works(reprun, gpu1)


def test_a_connection_of_the_user_is_used_and_left_alone(gpu1: SshHost, reprun: Reprun) -> None:
    """It is not kept by ControlPersist: were we its master, its sessions would end with ours."""
    configure(gpu1, f"Host *\nControlMaster auto\nControlPath {gpu1.lab.folder}/%C")
    with subprocess.Popen(
        [*gpu1.command, "gpu1", "echo up; exec sleep 1000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as mine:
        assert mine.stdout is not None and mine.stdout.readline() == b"up\n"
        works(reprun, gpu1)
        assert gpu1.daemon.connections() == 1 and mine.poll() is None
        assert f"as you have set it up, through {gpu1.lab.folder}" in reprun("doctor", "--on", "gpu1", env=gpu1.environ).stdout
        mine.kill()
    works(reprun, gpu1)


@pytest.fixture
def hung(gpu1: SshHost, repo: Path) -> Iterator[int]:
    """The process that holds the user's own connection, which hangs; as after the network was changed."""
    configure(gpu1, f"Host *\nControlMaster auto\nControlPath {gpu1.lab.folder}/%C\nControlPersist yes")
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\ntimeout = 6\n')
    subprocess.run([*gpu1.command, "gpu1", "true"], stdin=subprocess.DEVNULL, check=True)
    (pid,) = (pid for pid in processes_of(str(gpu1.lab.folder)) if b"[mux]" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(pid, signal.SIGSTOP)
    yield pid
    os.kill(pid, signal.SIGKILL)


def test_a_connection_of_the_user_that_hangs(gpu1: SshHost, reprun: Reprun, hung: int) -> None:
    """Another one is made beside it, and is used as long as it is open; the user's is left alone."""
    note = "your connection to gpu1 does not answer"
    first = reprun("launch", "--json", "--on", "gpu1", "--", "true", env=gpu1.environ)
    assert first.rc == 0 and first.stderr.count(note) == 1 and "-O exit gpu1" in first.stderr, first
    second = reprun("launch", "--json", "--on", "gpu1", "--", "true", env=gpu1.environ)
    assert second.rc == 0 and note not in second.stderr and gpu1.daemon.connections() == 2
    os.kill(hung, signal.SIGCONT)
    subprocess.run([*gpu1.command, "gpu1", "true"], stdin=subprocess.DEVNULL, check=True)
    assert gpu1.daemon.connections() == 2


def test_a_connection_of_the_user_that_hangs_where_no_other_is_let_in(gpu1: SshHost, reprun: Reprun, hung: int) -> None:
    gpu1.authorized_keys.write_text("")
    words = ("launch", "--json", "--on", "gpu1", "--", "true")
    answer = reprun(*words, env=gpu1.environ)
    assert answer.rc == 4 and "a new one is not let in without you" in answer.json["error"]["message"], answer
    os.kill(hung, signal.SIGCONT)
    assert reprun(*words, env=gpu1.environ).rc == 0


def test_a_name_that_leads_elsewhere_now(gpu1: SshHost, ssh_lab: SshLab, reprun: Reprun) -> None:
    """An open connection to the machine that had the name before is not used."""
    works(reprun, gpu1)
    other = ssh_lab.host("gpu2")
    gpu1.config.write_text(gpu1.config.read_text().replace("Host gpu1", "Host old").replace("Host gpu2", "Host gpu1"))
    assert works(reprun, gpu1)["run_dir"].startswith(str(other.home))


@pytest.mark.needs("setpriv")
def test_a_note_about_a_connection_is_believed_only_from_this_user(gpu1: SshHost, reprun: Reprun, home: Path, repo: Path) -> None:
    import json

    works(reprun, gpu1)
    (note,) = (home / "cache").glob("ssh-*.json")
    text = json.loads(note.read_text())
    text["options"] = [f"ProxyCommand=touch {repo}/oops"]
    note.unlink()
    (repo / "note").write_text(json.dumps(text))
    note.symlink_to(repo / "note")
    assert reprun("doctor", "--on", "gpu1", env=gpu1.environ).rc == 0 and not (repo / "oops").exists()
    shutil.rmtree(home / "cache")
    works(reprun, gpu1)
