"""Works at once: none holds up the others, and a key is worked on by one thread at any time."""

from __future__ import annotations

import os
import signal
from threading import Event, Thread

import pytest

from reprun.core.errors import ToolError
from reprun.system.together import FOREVER, Together, Work


def test_what_hangs_is_left_out_and_busy_until_it_ends() -> None:
    go_on, ended = Event(), Event()
    together, asked = Together(), list[str]()

    def hang() -> str:
        asked.append("hung")
        go_on.wait()
        ended.set()
        return "late"

    def answer() -> str:
        asked.append("answered")
        return "here"

    done = together.do({"slow": Work(hang, 0.01), "quick": Work(answer, 60)})
    assert {key: one.get() for key, one in done.items()} == {"quick": "here"}
    assert together.do({"slow": Work(answer, 0.01)}) == {} and asked == ["hung", "answered"]
    go_on.set()
    ended.wait()
    while not (found := together.do({"slow": Work(answer, 60)})):
        pass  # the thread that was left alone is just ending
    assert found["slow"].get() == "here"


def test_an_error_is_that_of_one_work() -> None:
    def fail() -> str:
        raise ToolError("no")

    done = Together().do({"bad": Work(fail, 60), "good": Work(lambda: "yes", 60)})
    assert done["good"].get() == "yes"
    with pytest.raises(ToolError, match="no"):
        done["bad"].get()


def test_all_are_at_work_at_once() -> None:
    first, second = Event(), Event()

    def meet(mine: Event, other: Event) -> bool:
        mine.set()
        return other.wait(60)

    works = {"a": Work(lambda: meet(first, second), 60), "b": Work(lambda: meet(second, first), 60)}
    assert all(one.get() for one in Together().do(works).values())


def test_who_is_interrupted_stops_the_others_and_lets_them_clean_up() -> None:
    begun, stopped, cleaned = Event(), Event(), list[str]()

    def work() -> str:
        begun.set()
        stopped.wait()
        cleaned.append("done")
        return ""

    def interrupt() -> None:
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Thread(target=interrupt).start()
        Together().do({"far": Work(work, FOREVER, stopped.set)})
    assert cleaned == ["done"]
