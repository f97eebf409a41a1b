"""What every host must do: answer requests as plain data, and turn each failure into an error of ours.

The members are this machine and real sshds, with every login shell and shell files that print.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hostile import hostile
from ssh_lab import SshLab
from ssh_login import SHELLS

from reprun.core.errors import ReprunError, ToolError
from reprun.hosts.base import Host
from reprun.hosts.local import LocalHost
from reprun.hosts.ssh import Access, SshHost
from reprun.runner.paths import Home

NOISE = "echo noise; echo more >&2; echo '{\"answer\": {}}'\n"
RUN_ID = "20261121-031622-m4k7qx"


@pytest.fixture(scope="module")
def lab() -> Iterator[SshLab]:
    lab = SshLab()
    yield lab
    lab.close()


@pytest.fixture(params=["local", *(pytest.param(shell, marks=pytest.mark.needs(shell, "ssh", "sshd")) for shell in SHELLS)])
def host(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    if request.param == "local":
        yield LocalHost()
        return
    lab: SshLab = request.getfixturevalue("lab")
    if request.param not in lab.hosts:
        lab.host(request.param, shell=request.param, rc="" if request.param == "dash" else NOISE)
    monkeypatch.setenv("REPRUN_SSH", lab.hosts[request.param].environ["REPRUN_SSH"])
    host = SshHost(request.param, Access(request.param, home=str(home)))
    yield host
    host.close()


REQUESTS: list[Mapping[str, Any]] = [
    {"op": "state", "run_ids": [RUN_ID]},
    {"op": "read", "run_id": RUN_ID, "stream": "stdout", "offset": 0, "limit": 10},
    {"op": "stop", "run_id": RUN_ID, "grace": 1},
    {"op": "facts", "argv": ["python3"], "tools": True},
    {"op": "survey", "key": "nobody", "keep": 3},
    {"op": "remove", "key": "nobody", "runs": [RUN_ID]},
]


def test_answers_are_plain_data(host: Host) -> None:
    for request in REQUESTS:
        answer = host.ask(request)
        assert isinstance(answer, dict) and json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_a_run_that_is_not_there_never_started(host: Host) -> None:
    assert host.ask({"op": "state", "run_ids": [RUN_ID]})["runs"][RUN_ID]["state"] == "unstarted"


def test_asking_alters_no_request(host: Host) -> None:
    request = {"op": "state", "run_ids": [RUN_ID]}
    host.ask(request)
    assert request == {"op": "state", "run_ids": [RUN_ID]}


def test_a_place_that_cannot_be_is_an_error_of_ours(host: Host, repo: Path, git: Any) -> None:
    request = {
        "op": "prepare", "run_id": RUN_ID, "key": "project-0", "objects": str(repo / ".git" / "objects"),
        "object_format": "sha1", "commit": git("rev-parse", "HEAD"), "cwd": "", "argv": ["true"],
    }  # fmt: skip
    for place in ("/dev/null", "/dev/null/below", "/proc/nowhere"):
        with pytest.raises(ReprunError) as raised:
            host.ask({**request, "home": place})
        assert raised.value.message and raised.value.exit_code in (3, 4, 5)


def test_after_a_refusal_the_next_request_is_answered(host: Host, home: Path) -> None:
    Path(home, "runs").mkdir()
    Path(home, "runs", RUN_ID).touch()  # where a folder should be
    for _ in range(2):
        with pytest.raises(ReprunError):
            request = {"op": "read", "run_id": RUN_ID + "/stdout.log", "stream": "stdout", "offset": 0, "limit": 1}
            host.ask(request, lambda: [b"unread" * 100_000])
        assert RUN_ID in host.ask({"op": "state", "run_ids": [RUN_ID]})["runs"]


def test_after_an_attachment_that_broke_off_the_next_request_is_answered(host: Host) -> None:
    def broken() -> Iterator[bytes]:
        yield b"a piece"
        raise ToolError("git was killed")

    with suppress(ToolError):  # who does not read it does not meet the error
        host.ask({"op": "state", "run_ids": ["other"]}, broken)
    assert list(host.ask({"op": "state", "run_ids": [RUN_ID]})["runs"]) == [RUN_ID]


def test_its_python_is_a_program(host: Host) -> None:
    assert host.python() == "" or os.access(host.python(), os.X_OK)


def test_texts_arrive_as_they_are_and_are_not_executed(host: Host, tmp_path: Path) -> None:
    texts = hostile(tmp_path / "canary")
    assert set(host.ask({"op": "state", "run_ids": texts})["runs"]) == set(texts)
    assert not list(tmp_path.rglob("canary"))


def test_a_large_request_and_a_large_answer(host: Host, home: Path) -> None:
    log = bytes(range(256)) * 20_000
    run = Home(str(home)).run(RUN_ID)
    os.makedirs(run.path)
    Path(run.stdout).write_bytes(log)
    answer = host.ask(
        {"op": "read", "run_id": RUN_ID, "stream": "stdout", "offset": 0, "limit": len(log), "more": "x" * 5_000_000},
    )
    assert answer["data"].encode("latin-1") == log


def test_how_it_is_reached_is_told_in_words(host: Host) -> None:
    """Nothing for this machine, and every word that is shown for any other; asking connects to nothing."""
    told = host.describe()
    assert set(told) == (set() if host.is_here else {"address", "user", "hostname", "port", "jumps", "sharing"})
    assert all(isinstance(word, str) and "\n" not in word for word in told.values())
    if not host.is_here:
        assert told["address"] == host.name and told["port"].isdigit() and told["user"] and told["hostname"] and told["sharing"]


def test_a_remedy_is_typed_here_and_acts_there(host: Host, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """What the runner would have typed on its machine; words for people are not touched."""
    there = tmp_path if host.is_here else request.getfixturevalue("lab").hosts[host.name].home
    subprocess.run(["sh", "-c", host.remedy("mkdir mended")], cwd=tmp_path, stdin=subprocess.DEVNULL, check=True)
    assert (there / "mended").is_dir()
    assert host.remedy("move it to another disk") == "move it to another disk"


def test_a_remedy_that_is_a_setting_names_the_target(host: Host) -> None:
    remedy = host.remedy("export REPRUN_HOME=<a folder of yours>")
    assert remedy.startswith("export REPRUN_HOME=" if host.is_here else f"[targets.{host.name}] home = ")
    assert host.remedy("reprun doctor") == ("reprun doctor" if host.is_here else f"reprun doctor --on {host.name}")


def test_what_is_said_ahead_disturbs_nothing(host: Host, home: Path) -> None:
    host.warm({"key": "nobody", "object_format": "sha1", "run_id": RUN_ID, "submit": ["true"], "python": ""})
    assert host.ask({"op": "state", "run_ids": [RUN_ID]})["runs"][RUN_ID]["state"] == "unstarted"


def test_the_words_to_attach_are_kept_whole(host: Host, tmp_path: Path) -> None:
    texts = [text for text in hostile(tmp_path / "canary") if "\0" not in text and text.isprintable()]
    program = "import json, sys; print('\\n' + json.dumps(sys.argv[1:]))"
    words = host.attach([sys.executable, "-c", program, *texts])
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert json.loads(done.stdout.splitlines()[-1]) == texts
    assert not list(tmp_path.rglob("canary"))
