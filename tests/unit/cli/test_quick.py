"""The quick reader of `launch` knows the options that Typer knows, and reads them as Typer does, or leaves them to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.main import get_command

from reprun.cli import launch_answer
from reprun.cli.app import build
from reprun.cli.launch_answer import LaunchRequest
from reprun.cli.quick import FLAGS, MANY, VALUES, read_launch
from reprun.core.errors import UsageError

LAUNCH = get_command(build("launch")).commands["launch"]  # type: ignore[attr-defined]


def read_by_typer(words: list[str]) -> LaunchRequest | None:
    """What Typer makes of the words after `launch`; None for an error."""
    seen: list[LaunchRequest] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_answer, "answer_launch", lambda request: seen.append(request) or 0)
        try:
            LAUNCH.main(words, standalone_mode=False)
        except Exception:
            return None
    return seen[0] if seen else None


def test_it_knows_the_options_that_typer_knows() -> None:
    options: dict[str, Any] = {word: option for option in LAUNCH.params for word in option.opts if word.startswith("-")}
    options.pop("--help", None)
    flags = {word for word, option in options.items() if option.is_flag}
    assert flags == set(FLAGS) and set(options) - flags == set(VALUES)
    for word, name in VALUES.items():
        assert options[word].multiple == (name in MANY), word


TEXT = st.sampled_from(["", "a", "7", "-1", "x=1", "=", "--", "-m", "ü", "a b", "--name", "00", "1_0", "²", "{output}"])
OPTION = st.sampled_from([*VALUES, *FLAGS, "--nme", "-x", "--json=1", "--name=", "--seed=3", "--set=a=b", "-mwhy", "-fm"])


@settings(max_examples=600, deadline=None)
@given(st.lists(st.one_of(OPTION, TEXT), max_size=6), st.lists(TEXT, max_size=3))
def test_it_reads_as_typer_does_or_not_at_all(before: list[str], command: list[str]) -> None:
    words = [*before, "--", *command]
    try:
        quick = read_launch(words)
    except UsageError:
        assert "" in before or any(word.endswith("=") for word in before)
        return
    if quick is not None:
        assert quick.request() == read_by_typer(words)


@pytest.mark.parametrize("option", ["--if", "--not-before", "--priority", "--after-ok", "--config", "--time"])
@pytest.mark.parametrize("written", ["{} ''", "{}="])
def test_an_option_with_an_empty_value_is_none_that_was_left_out(option: str, written: str) -> None:
    words = [word.strip("'") for word in written.format(option).split()]
    with pytest.raises(UsageError, match=f"{option} is empty"):
        read_launch(["--queue", *words, "--", "true"])
    read_launch(["--name", "", "-m", "", "--", "true", option, ""])  # what belongs to the command is its own


@pytest.mark.parametrize(
    "words",
    [
        ["--", "true"],
        [
            "--name",
            "n",
            "-m",
            "why",
            "--config",
            "c.yaml",
            "--set",
            "a=1",
            "--set=b=2",
            "--seed",
            "7",
            "--gpus",
            "0,1",
            "--",
            "x",
            "--",
            "-y",
        ],
        ["--queue", "--after", "a", "--after-ok=b", "--after", "c", "--if", "a.b > 1", "--kind", "tune", "--", "x"],
        ["-f", "--json", "--dry-run", "--on", "local", "--", "python", "train.py", "--out", "{output}"],
    ],
)
def test_plain_launches_are_read_quickly(words: list[str]) -> None:
    read = read_launch(words)
    assert read is not None and read.request() == read_by_typer(words)
