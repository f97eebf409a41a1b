"""The start that is sent behind the question for the worktree: one round trip for both, and no start from a wrong manifest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from far_lab import Far, open_far, ssh_clients
from lab import REPRUN, until

from reprun.runner.files import remove_tree

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux", "sshd"), pytest.mark.timeout(300)]
SESSION = 3  # packets of the server until it listens: the channel is open, has room, and its command has been started


@pytest.fixture(scope="module")
def hosts() -> Iterator[Far]:
    with open_far() as far:
        far.describe(timeout=60)  # whoever hears nothing for so long gives up
        yield far


@pytest.fixture
def far(hosts: Far) -> Iterator[Far]:
    """A host that was launched on before, over a connection that stands. Afterwards nothing was executed twice."""
    hosts.relay.heal()
    hosts.ran(hosts.launch())
    until(lambda: not ssh_clients(hosts.lab), "the session is over, and the server says no more")
    yield hosts
    assert set(hosts.executed().values()) == {1}


def test_a_warm_launch_does_not_load_what_is_slow(far: Far) -> None:
    words = [sys.executable, "-X", "importtime", REPRUN, *far.words("true")]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    loaded = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}
    assert "reprun.commands.ahead" in loaded
    assert not {"typing", "dataclasses", "hashlib", "tomllib", "reprun.config.schema", "typer", "asyncio", "ssl"} & loaded


def memo(far: Far) -> Path:
    """What is foreseen of the host."""
    (found,) = (far.repo / ".git" / "reprun" / "foreseen").iterdir()
    return found


def mislead(far: Far) -> None:
    """Makes the launch foresee that the host has another Python than it has."""
    known = json.loads(memo(far).read_text())
    for entry in known.values():
        entry["answer"]["environment"]["python"] = "1.5.2"
    memo(far).write_text(json.dumps(known))


def steps(far: Far, run_id: str) -> list[str]:
    """The steps that the journal of a run tells of."""
    (found,) = (far.repo / ".git" / "reprun" / "journal").rglob(f"{run_id}.jsonl")
    return [json.loads(line)["step"] for line in found.read_text().splitlines()]


def check_record(far: Far, run_id: str) -> None:
    """Both copies of the manifest are the same, and say what the host said when it was asked last."""
    stored = subprocess.run(["git", "cat-file", "blob", f"refs/reprun/manifests/{run_id}"], capture_output=True, check=True)
    assert stored.stdout == (far.host.home / f".local/share/reprun/runs/{run_id}/manifest.toml").read_bytes()
    shown: dict[str, Any] = far.call("show", "--json", run_id).data
    entry = list(json.loads(memo(far).read_text()).values())[-1]
    assert entry["run_id"] == run_id and entry["answer"]["environment"]["python"] == shown["manifest"]["environment"]["python"]


def test_nothing_that_the_host_says_is_waited_for_before_the_job_begins(far: Far) -> None:
    """So a launch is two round trips for the session and one for everything else."""
    far.relay.when(far.relay.mute, "server", packets=SESSION)
    launch = subprocess.Popen([REPRUN, *far.words()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    before = len(far.executed())
    until(lambda: len(far.executed()) > before, "the job was executed")
    assert launch.poll() is None
    far.relay.heal()
    answer = json.loads(launch.communicate()[0])
    assert answer["data"]["state"] in ("running", "finished"), answer
    assert steps(far, answer["data"]["run_id"])[-2:] == ["ahead", "submit"]


def test_a_manifest_that_was_sealed_with_something_wrong_is_withdrawn(far: Far) -> None:
    mislead(far)
    run_id = far.ran(far.launch())
    assert "withdrawn" in steps(far, run_id)
    check_record(far, run_id)
    assert "withdrawn" not in steps(far, far.ran(far.launch()))


def test_and_also_when_the_launch_is_carried_on_after_the_link_has_broken(far: Far) -> None:
    """The host was told to start it and did not; nobody heard that."""
    mislead(far)
    far.describe(timeout=2)
    far.relay.when(far.relay.mute, "server", packets=SESSION)
    answer = far.launch()
    run_id = far.broke(answer)
    assert "whether it runs is not known, to go on: reprun resume" in answer.json["error"]["hint"]
    far.relay.heal()
    far.describe(timeout=60)
    assert steps(far, run_id)[-1] == "ahead" and run_id not in far.executed()
    far.mend(run_id)
    assert "withdrawn" in steps(far, run_id)
    check_record(far, run_id)


@pytest.mark.parametrize("is_wiped", [False, True])
def test_a_start_that_may_never_have_arrived(far: Far, is_wiped: bool) -> None:
    """There is no folder of the run. Where the host was wiped since, there may have been one."""
    far.describe(timeout=2)
    far.relay.when(far.relay.cut, "client", packets=1)
    run_id = far.broke(far.launch())
    far.relay.heal()
    far.describe(timeout=60)
    assert steps(far, run_id)[-1] == "ahead"
    if is_wiped:
        remove_tree(str(far.host.home / ".local"))
        answer = far.call("resume", run_id)
        assert answer.rc == 3 and "its folder is gone" in answer.stderr, answer
    else:
        far.mend(run_id)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"%s": 5}', '{"%s": {"run_id": "", "commit": "", "answer": {}}}', "\xff\xfe"])
def test_a_damaged_memo_costs_a_round_trip(far: Far, text: str) -> None:
    memo(far).write_text(text.replace("%s", next(iter(json.loads(memo(far).read_text())))), encoding="latin-1")
    check_record(far, far.ran(far.launch()))


def test_values_of_secrets_are_not_remembered(far: Far) -> None:
    settings = far.repo / "reprun.toml"
    settings.write_text('pass_env = ["SSH_CONNECTION"]\n' + settings.read_text())
    try:
        run_id = far.ran(far.launch())
        assert "SSH_CONNECTION" in far.call("show", "--json", run_id).data["manifest"]["variables"]["secret"]
        assert "SSH_CONNECTION" not in memo(far).read_text()
    finally:
        far.describe(timeout=60)
