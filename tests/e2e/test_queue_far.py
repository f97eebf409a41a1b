"""The queues of other machines: chosen by their free slots, looked at, and never guessed about."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, says_nicely, show, wait
from remote_lab import cut, describe, folder
from ssh_lab import SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]


def test_the_machine_with_the_most_free_slots(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    gpu1, gpu2 = ssh_lab.host("gpu1"), ssh_lab.host("gpu2")
    how = {"env": gpu1.environ}  # one for all hosts of the lab
    describe(repo, gpu1, gpu2, timeout=20)
    for name, count in (("gpu1", "1"), ("gpu2", "2")):
        assert reprun("queue", "slots", "--cpu", count, "--on", name, **how).rc == 0
        assert reprun("queue", "pause", "--on", name, **how).rc == 0
    words = ("--queue", "--on", "gpu1,gpu2", "--", "cat", "train.py")
    answer = launch(reprun, *words, **how)
    run_id = answer["run_id"]
    assert answer["target"] == "gpu2" and answer["state"] == "queued" and answer["reason"] == "position 1"
    assert show_far(reprun, run_id, how)["state_words"] == "queued (position 1, paused)"
    there = {one["target"]: one["entries"] for one in reprun("queue", "--on", "all", "--json", **how).data}
    assert there["local"] == there["gpu1"] == [] and [one["run_id"] for one in there["gpu2"]] == [run_id]
    assert run_id in reprun("top", "--once", "--on", "gpu2", **how).stdout
    later = reprun("launch", "--queue", "--on", "gpu1", "--after", run_id, "--", "true", **how)
    assert later.rc == 3 and "the queue of gpu1 cannot see its end" in later.stderr and says_nicely(later)
    assert reprun("queue", "resume", "--on", "gpu2", **how).rc == 0
    assert wait_far(reprun, run_id, how)["state_words"] == "finished 0"
    assert reprun("logs", "--stdout", run_id, **how).stdout == "print('training')\n"
    assert (folder(gpu2, run_id) / "outcome.json").exists()


def test_a_machine_that_does_not_answer(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    gpu1, gpu2 = ssh_lab.host("gpu1"), ssh_lab.host("gpu2")
    how = {"env": gpu1.environ}
    describe(repo, gpu1, gpu2, timeout=20)
    assert reprun("queue", "pause", "--on", "gpu1", **how).rc == 0
    run_id = launch(reprun, "--queue", "--on", "gpu1", "--", "true", **how)["run_id"]
    assert show_far(reprun, run_id, how)["state"] == "queued"
    cut(gpu1)
    seen = reprun("ls", "--json", **how).data[0]
    assert seen["state"] == "unreachable" and seen["last_known"]["state"] == "queued"
    for words in (["queue", "--on", "gpu1"], ["queue", "rm", run_id], ["top", "--once", "--on", "gpu1"], ["stop", run_id]):
        answer = reprun(*words, **how)
        assert answer.rc == 4 and says_nicely(answer), (words, answer)
    several = reprun("queue", "--on", "gpu1,gpu2", "--json", **how)
    assert several.rc == 0 and [one["link"] for one in several.data] == ["unreachable", "ok"] and "gpu1" in several.stderr
    answer = reprun("launch", "--queue", "--json", "--on", "gpu1,gpu2", "--", "true", **how)
    assert answer.data["target"] == "gpu2" and "left out" in answer.stderr
    assert wait_far(reprun, answer.data["run_id"], how)["state"] == "finished"


def show_far(reprun: Reprun, run_id: str, how: dict[str, dict[str, str]]) -> dict[str, object]:
    """`show` with the way to the hosts."""
    return show(lambda *words: reprun(*words, **how), run_id)


def wait_far(reprun: Reprun, run_id: str, how: dict[str, dict[str, str]]) -> dict[str, object]:
    """`wait` with the way to the hosts."""
    return wait(lambda *words: reprun(*words, **how), run_id)
