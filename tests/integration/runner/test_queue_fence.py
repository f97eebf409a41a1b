"""Runs of a sweep that several hosts share wait for a word after a reboot."""

from __future__ import annotations

from lab import until
from queue_lab import QueueLab, say

from reprun.runner.queue_fence import FENCED


def test_what_was_given_before_a_reboot_waits_for_a_word(queue_lab: QueueLab) -> None:
    before = {"boot_id": "another", "init_start": 1}
    queue_lab.do("pause")
    fenced, removed = queue_lab.put(*say("fenced"), fence=before), queue_lab.put(*say("removed"), fence=before)
    free = [queue_lab.put(*say("plain")), queue_lab.put(*say("of now"), fence=True)]
    queue_lab.do("resume")
    queue_lab.await_all(free)
    assert queue_lab.words(fenced) == queue_lab.words(removed) == ("queued", FENCED)
    assert queue_lab.do("rm", removed)["removed"] == [removed]
    queue_lab.await_worker_end()
    assert queue_lab.do("release", fenced)["changed"] == [fenced]
    queue_lab.await_all([fenced])
    assert sorted(queue_lab.lines()) == ["fenced", "of now", "plain"]


def test_the_word_holds_for_the_next_worker_too(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    run_id = queue_lab.put(*say("fenced"), fence={"boot_id": "another", "init_start": 1})
    queue_lab.do("resume")
    until(lambda: queue_lab.words(run_id)[1] == FENCED, "it is held")
    queue_lab.do("pause")
    queue_lab.do("release", run_id)
    queue_lab.await_worker_end()
    queue_lab.do("resume")
    queue_lab.await_all([run_id])
    assert queue_lab.lines() == ["fenced"]
