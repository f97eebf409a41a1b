"""A host that cannot be reached: each case has its sentence and its line, exit status 4, and changes nothing here."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, fingerprint
from lab import Answer, Run
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.needs("ssh-copy-id")]
Break = Callable[[SshHost], object]
ASKING = "Match all\nPasswordAuthentication yes"


def denied(host: SshHost) -> None:
    host.authorized_keys.write_text("")


def changed(host: SshHost) -> None:
    host.new_host_key()
    host.restart()


def check(answer: Answer, host: SshHost, sentence: str) -> str:
    """The hint of an answer that says this, of which `gpu1` stands for the host."""
    assert answer.rc == 4 and "Traceback" not in answer.stderr, answer
    found = answer.json["data"] or [answer.json["error"]]
    last = found[-1]
    assert re.fullmatch(sentence, last.get("detail") or last["message"]), last
    return str(last["hint"])


def ask(reprun: Reprun, host: SshHost, sentence: str) -> str:
    """Asks with doctor, and with a launch, which must say the same; the hint. Neither changes anything of the user's."""
    place = Path.cwd()
    tree = [path for path in place.iterdir() if path.name != ".git"] + [
        place / ".git" / name for name in ("HEAD", "index", "refs/heads")
    ]
    before = fingerprint(host.lab.known_hosts, host.config, *tree)
    whole = fingerprint(place)
    hint = check(reprun("doctor", "--on", "gpu1", "--json", env=host.environ), host, sentence)
    assert fingerprint(place) == whole
    again = check(reprun("launch", "--on", "gpu1", "--json", "--", "true", env=host.environ), host, sentence)
    assert fingerprint(host.lab.known_hosts, host.config, *tree) == before
    assert again.startswith(hint) and not (host.home / ".local").exists()
    return hint


@pytest.fixture
def gpu1(repo: Path, home: Path, ssh_host: SshHost) -> SshHost:
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\n')
    return ssh_host


def ssh(host: SshHost) -> str:
    return shlex.join(host.command)


def test_a_host_key_that_is_unknown(gpu1: SshHost, reprun: Reprun) -> None:
    gpu1.forget()
    hint = ask(reprun, gpu1, "the host key of gpu1 is not known on this machine yet")
    assert hint.startswith(f"{ssh(gpu1)} gpu1 true") and "fingerprint" in hint
    gpu1.know()
    assert reprun("doctor", "--on", "gpu1", env=gpu1.environ).rc == 0


def test_an_unknown_host_key_where_ssh_would_not_ask(gpu1: SshHost, reprun: Reprun) -> None:
    gpu1.forget()
    gpu1.config.write_text("StrictHostKeyChecking yes\n" + gpu1.config.read_text())
    hint = ask(reprun, gpu1, "the host key of gpu1 is not known on this machine yet")
    assert hint.startswith(f"{ssh(gpu1)} -o StrictHostKeyChecking=ask gpu1 true")


def test_a_host_key_that_has_changed_is_never_remedied(gpu1: SshHost, reprun: Reprun) -> None:
    changed(gpu1)
    hint = ask(reprun, gpu1, "gpu1 shows another host key than the one that is known: it was set up anew, or somebody .* between")
    fingerprint_ = subprocess.run(
        ["ssh-keygen", "-lf", gpu1.folder / "host_key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]  # fmt: skip
    assert fingerprint_ in hint and "ask whoever runs it" in hint
    for words in (["doctor", "--on", "gpu1"], ["launch", "--on", "gpu1", "--", "true"]):
        said = reprun(*words, env=gpu1.environ)
        assert not re.search(r"ssh-keygen|known_hosts|StrictHost|accept|remove|-R\b", said.stdout + said.stderr), said


def test_a_key_that_is_not_authorised(gpu1: SshHost, reprun: Reprun) -> None:
    denied(gpu1)
    hint = ask(reprun, gpu1, "gpu1 does not accept a key of yours")
    line, _, rest = hint.partition("   # ")
    assert line == f"ssh-copy-id -F {gpu1.config} -i {gpu1.lab.folder / 'user_key.pub'} gpu1" and "no passwords" in rest
    Path.home().joinpath(".ssh").mkdir()
    trial = subprocess.run(
        ["ssh-copy-id", "-n", *shlex.split(line)[1:]], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert trial.returncode == 0 and (gpu1.lab.folder / "user_key.pub").read_text() in trial.stdout, trial


def test_the_line_for_a_key_has_user_and_port_where_the_address_has(
    repo: Path, home: Path, ssh_host: SshHost, reprun: Reprun
) -> None:
    denied(ssh_host)
    text = ssh_host.config.read_text().replace("Host gpu1", "Host 127.0.0.1").replace(f"  Port {ssh_host.port}\n", "")
    ssh_host.config.write_text(re.sub("  User .*\n", "", text))
    answer = reprun("doctor", "--on", f"ssh://somebody@127.0.0.1:{ssh_host.port}", "--json", env=ssh_host.environ)
    found = answer.json["data"][-1]
    assert answer.rc == 4 and f" -p {ssh_host.port} somebody@127.0.0.1" in found["hint"].splitlines()[0], found


@pytest.mark.needs("ssh-agent")
def test_a_key_with_a_passphrase_that_no_agent_knows(gpu1: SshHost, reprun: Reprun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    key = gpu1.lab.folder / "user_key"
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], check=True)
    hint = ask(reprun, gpu1, "gpu1 does not accept a key of yours").splitlines()
    assert hint[0].startswith(f'eval "$(ssh-agent)" && ssh-add {key}   #') and hint[1].startswith("ssh-copy-id ")


def test_no_key_at_all(gpu1: SshHost, reprun: Reprun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    for name in ("user_key", "user_key.pub"):
        (gpu1.lab.folder / name).unlink()
    hint = ask(reprun, gpu1, "gpu1 does not accept a key of yours").splitlines()
    assert hint[0].startswith("ssh-keygen -t ed25519 ") and hint[1].startswith(f"ssh-copy-id -F {gpu1.config} gpu1")


def test_a_user_who_wants_no_messages_is_told_all_the_same(gpu1: SshHost, reprun: Reprun) -> None:
    gpu1.config.write_text("LogLevel QUIET\n" + gpu1.config.read_text())
    denied(gpu1)
    assert ask(reprun, gpu1, "gpu1 does not accept a key of yours").startswith("ssh-copy-id ")


def test_nothing_listens(gpu1: SshHost, reprun: Reprun) -> None:
    gpu1.stop()
    hint = ask(reprun, gpu1, "gpu1 cannot be reached: nothing listens there: its ssh is not running, or has another port")
    assert hint == f"{ssh(gpu1)} -v gpu1 true"
    gpu1.start()
    assert reprun("doctor", "--on", "gpu1", env=gpu1.environ).rc == 0


def test_a_name_that_nobody_knows(gpu1: SshHost, reprun: Reprun) -> None:
    gpu1.config.write_text(gpu1.config.read_text().replace("127.0.0.1", "gpu1.invalid"))
    hint = ask(reprun, gpu1, "gpu1 cannot be reached: its name gpu1.invalid is not known")
    assert hint.startswith("HostName for gpu1 in ~/.ssh/config")


def test_what_listens_never_speaks(gpu1: SshHost, reprun: Reprun) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = gpu1.config.read_text().replace(f"Port {gpu1.port}", f"Port {silent.getsockname()[1]}\n  ConnectTimeout 1")
        gpu1.config.write_text(text)
        hint = ask(reprun, gpu1, "gpu1 cannot be reached: it does not answer")
        assert hint == f"{ssh(gpu1)} -v gpu1 true"


WRONG = "gpu1 cannot be asked: the settings of ssh on this machine are wrong"
SETTINGS: list[tuple[str, dict[str, str], int, str]] = [
    ("an option that is wrong", {"config": "Nonsense yes\n"}, 4, WRONG),
    ("no such config", {"REPRUN_SSH": "ssh -F /nonsense"}, 4, WRONG),
    ("no such program", {"REPRUN_SSH": "/nonsense -F x"}, 5, "REPRUN_SSH names /nonsense, which cannot be started"),
    ("another program", {"REPRUN_SSH": "true"}, 4, "gpu1 cannot be asked: true is no ssh"),
    ("half a quote", {"REPRUN_SSH": "ssh 'x"}, 2, "REPRUN_SSH cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "rc", "sentence"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS])
def test_wrong_settings_on_this_machine(gpu1: SshHost, reprun: Reprun, how: dict[str, str], rc: int, sentence: str) -> None:
    gpu1.config.write_text(how.get("config", "") + gpu1.config.read_text())
    answer = reprun("launch", "--on", "gpu1", "--", "true", env={**gpu1.environ, **how})
    assert answer.rc == rc and f"error: {sentence}" in answer.stderr and " hint: " in answer.stderr, answer


def test_no_ssh_on_this_machine(gpu1: SshHost, reprun: Reprun, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("git", "tmux"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    answer = reprun("launch", "--on", "gpu1", "--", "true", env={"PATH": str(tmp_path / "bin")})
    assert answer.rc == 5 and "error: ssh is not installed" in answer.stderr, answer
    assert " hint: sudo apt-get install openssh-client" in answer.stderr


DISGUISED = ["-oProxyCommand=touch oops@x", "x@-oProxyCommand=touch", "a@b;touch oops", "a@$(touch oops)", "a@b c", "@", "a@", "ssh://",
             "ssh://-x", "ssh://a@-x", "ssh://a@b:x", "ssh://a@[::1]:22",
             "a@b\n", "a@b`touch oops`", "-x@y", "a@|touch oops", "a@[::1]x"]  # fmt: skip


@pytest.mark.parametrize("address", DISGUISED)
def test_an_address_that_is_something_else(gpu1: SshHost, reprun: Reprun, repo: Path, address: str) -> None:
    (repo / "reprun.toml").write_text(f"[targets.odd]\nhost = {address!r}\n" if "\n" not in address else "")
    for words in ([f"--on={address}"], ["--on=odd"]):
        answer = reprun("launch", *words, "--", "true", env=gpu1.environ)
        assert answer.rc == 2 and " hint: " in answer.stderr, answer
    assert not list(repo.rglob("oops*"))


HOPS: list[tuple[str, Break | None, Break | None, str, str]] = [
    ("gate denies", denied, None, "GATE does not accept a key of yours", r"ssh-copy-id .* gate(  .*)?"),
    ("gpu1 denies", None, denied, "gpu1 does not accept a key of yours", r"ssh-copy-id .* gpu1(  .*)?"),
    ("gate is down", SshHost.stop, None, "GATE cannot be reached: nothing listens .*", ".* gate true"),
    ("gpu1 is down", None, SshHost.stop, "gpu1 cannot be reached: nothing listens there.*", ".* gpu1 true"),
    ("gate is unknown", SshHost.forget, None, "the host key of GATE is not known .*", ".* gate true  .*"),
    ("gpu1 is unknown", None, SshHost.forget, "the host key of gpu1 is not known on this machine yet", ".* gpu1 true  .*"),
    ("gate has changed", changed, None, "GATE shows another host key .*", "ask whoever runs it.*"),
    ("gpu1 has changed", None, changed, "gpu1 shows another host key than .*", "ask whoever runs it.*"),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "inner", "sentence", "hint"), [row[1:] for row in HOPS], ids=[row[0] for row in HOPS])
def test_each_hop_is_told_apart(
    gpu1: SshHost, ssh_lab: SshLab, reprun: Reprun, gate: Break | None, inner: Break | None, sentence: str, hint: str
) -> None:  # fmt: skip
    jump = ssh_lab.host("gate")
    gpu1.config.write_text(f"Host gpu1\n  ProxyJump gate\n{gpu1.config.read_text()}")
    for break_, host in ((gate, jump), (inner, gpu1)):
        if break_:
            break_(host)
    sentence = sentence.replace("GATE", "the jump host gate on the way to gpu1")
    assert re.fullmatch(hint, ask(reprun, gpu1, sentence).splitlines()[0])


def test_a_jump_host_that_says_nothing(gpu1: SshHost, ssh_lab: SshLab, reprun: Reprun) -> None:
    denied(ssh_lab.host("gate"))
    gpu1.config.write_text(f"Host gpu1\n  ProxyJump gate\nHost gate\n  LogLevel QUIET\n{gpu1.config.read_text()}")
    hint = ask(reprun, gpu1, "the jump host gate on the way to gpu1 ended the connection and did not say why")
    assert hint == f"{ssh(gpu1)} gate true"


def test_a_proxy_command_that_fails(gpu1: SshHost, reprun: Reprun) -> None:
    command = "sh -c 'echo the tunnel is closed >&2; exit 1'"
    gpu1.config.write_text(f"Host gpu1\n  ProxyCommand {command}\n{gpu1.config.read_text()}")
    hint = ask(reprun, gpu1, "gpu1 cannot be reached: its ProxyCommand ended: the tunnel is closed")
    assert hint == f"{ssh(gpu1)} -v gpu1 true"


def test_a_login_by_hand_is_used(repo: Path, home: Path, ssh_lab: SshLab, reprun: Reprun, git: Run) -> None:
    """Where a password or a second factor is wanted. The test logs in with the key, while it is accepted."""
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\n')
    host = ssh_lab.host("gpu1", settings=ASKING)
    keys = host.authorized_keys.read_text()
    denied(host)
    copy, by_hand = ask(reprun, host, "gpu1 does not accept a key of yours").splitlines()
    assert copy.startswith("ssh-copy-id ") and "no passwords" not in copy and "log in by hand" in by_hand
    host.authorized_keys.write_text(keys)
    subprocess.run(shlex.split(by_hand.partition("   # ")[0]), check=True, stdin=subprocess.DEVNULL)
    denied(host)
    answer: dict[str, Any] = reprun("launch", "--json", "--on", "gpu1", "--", "true", env=host.environ).data
    assert answer["state"] in ("running", "finished") and host.daemon.connections() == 1


def test_a_host_that_wants_more_than_a_key(gpu1: SshHost, reprun: Reprun, ssh_lab: SshLab, repo: Path) -> None:
    ssh_lab.config.write_text("")
    host = ssh_lab.host("gpu2", settings="Match User *\nPasswordAuthentication yes\nAuthenticationMethods publickey,password")
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu2"\n')
    hint = ask(reprun, host, r"gpu2 wants more than a key \(password\), and nobody can be asked here")
    assert re.match(rf"{re.escape(ssh(host))} -f -N -M .* gpu2 ", hint)
