"""The words for every state."""

from __future__ import annotations

from typing import Any

import pytest

from reprun.core.outcome import FINAL, STATES, RunState, exit_status, state_of


@pytest.mark.parametrize(
    ("state", "words", "status"),
    [
        (RunState("finished", "", 0), "finished 0", 0),
        (RunState("failed", "", 137), "failed 137", 137),
        (RunState("failed"), "failed", 4),
        (RunState("stopped", "TERM", 143), "stopped (TERM)", 143),
        (RunState("stopped", "KILL"), "stopped (KILL)", 4),
        (RunState("lost", "host rebooted"), "lost (host rebooted)", 4),
        (RunState("failed", "its supervisor ended before the outputs were collected", 5),
         "failed 5 (its supervisor ended before the outputs were collected)", 5),
        (RunState("running"), "running", 4),
        (RunState("queued", "position 3"), "queued (position 3)", 4),
        (RunState("canceled", "removed"), "canceled (removed)", 3),
        (RunState("unreachable", "no route"), "unreachable (no route)", 4),
    ],
)  # fmt: skip
def test_words_and_exit_status(state: RunState, words: str, status: int) -> None:
    assert (state.words, exit_status(state)) == (words, status)


def test_final_states() -> None:
    assert set(STATES) >= FINAL
    assert {state for state in STATES if RunState(state).is_final} == {"finished", "failed", "stopped", "canceled", "lost"}


@pytest.mark.parametrize("answer", [{}, {"state": "running", "record": None}, {"state": None, "reason": None, "record": {}}])
def test_an_answer_with_holes(answer: dict[str, Any]) -> None:
    state = state_of(answer)
    assert not state.is_final and not state.has_outcome and state.exit_code is None


def test_an_answer() -> None:
    answer = {"state": "finished", "reason": "", "exit_code": 0, "record": {"ended": 3.5}}
    assert state_of(answer) == RunState("finished", "", 0, {"ended": 3.5})
    assert state_of(answer).has_outcome
