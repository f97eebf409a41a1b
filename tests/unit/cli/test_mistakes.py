"""Mistakes on the command line: what could be meant in two ways is refused, and what Typer says is said in our words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reprun.cli import launch_answer
from reprun.cli.app import run
from reprun.cli.launch_answer import LaunchRequest
from reprun.core.errors import UsageError


def told(*words: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        run(words)
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("launch python -m pkg.train", "launch -- python -m pkg.train"),
        ("launch --name x -fm why python train.py --lr 0.1", "launch --name x -fm why -- python train.py --lr 0.1"),
        ("launch --seed=1 -mwhy python -c 1 -- --fast", "launch --seed=1 -mwhy -- python -c 1 --fast"),
        ("launch python --help", "launch -- python --help"),
        ("preflight python -m pkg.train", "preflight -- python -m pkg.train"),
        ("probe -n 3 python train.py -n 5", "probe -n 3 -- python train.py -n 5"),
    ],
)
def test_an_option_behind_the_command_is_nobodys_without_dashes(words: str, right: str) -> None:
    message, hint = told(*words.split())
    assert message.startswith("nobody can tell whether -") and message.endswith("is for reprun or for python")
    assert hint == f"put -- before the command: reprun {right}"


@pytest.mark.parametrize("words", ["-m why python train.py", "--name x -f -- python -m pkg", "python - -- -x", "--seed 3 python"])
def test_other_commands_are_read(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[LaunchRequest] = []
    monkeypatch.setattr(launch_answer, "answer_launch", lambda request: seen.append(request) or 0)
    assert run(["launch", *words.split()]) == 0 and seen[0].options.argv[0] == "python"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("show", "reprun show must know which run", "reprun show @last"),
        ("diff a", "reprun diff must know which run", "reprun diff @last~1 @last"),
        ("launch", "there is no command to run", "reprun launch -- python train.py"),
        ("ls --limt 3", "reprun ls has no option --limt", "did you mean --limit? reprun ls --help"),
        ("ls -n x", "--limit must be a whole number, not 'x'", "reprun ls --help"),
        ("ls -n 0", "--limit must be from 1 to 1000000, not 0", "reprun ls --help"),
        ("stop a --grace x", "--grace must be a number, not 'x'", "reprun stop --help"),
        ("stop a --grace -1", "--grace must be 0 or more, not -1.0", "reprun stop --help"),
        ("ls a b", "reprun ls can make nothing of the further word a b", "reprun ls --help"),
        ("launch --seed", "--seed needs a value", "reprun launch --help"),
        ("queue rm", "reprun queue rm must know which run", "reprun queue rm @last"),
        ("queue slots --cpu x", "--cpu must be a whole number, not 'x'", "reprun queue slots --help"),
        ("sweep summary", "reprun sweep summary needs FILE", "reprun sweep summary --help"),
        ("lunch -- true", "there is no command reprun lunch", "did you mean reprun launch?"),
    ],
)
def test_the_words_of_typer_are_ours(words: str, message: str, hint: str) -> None:
    assert told(*words.split()) == (message, hint)


def test_nothing_of_a_word_reaches_the_terminal_as_it_is(capfd: Any) -> None:
    for words in (["launch", "a\x1b[31m", "-m\n"], ["ls", "\x1b[31m"], ["ls", "--\x1b[31m"], ["ls", "-n", "\x1b[31m"]):
        message, _ = told(*words)
        assert not re.search(r"[\x00-\x1f]", message)
