"""Files written for mlrunner give the commands that mlrunner 0.5.9 gives. These were recorded from its own `--dry-run`
(`mlrunner_cases.json`, without the GPUs that it puts before a command and the log behind it)."""

import json
import shlex
from pathlib import Path

import pytest

from reprun.config.documents import parse_documents
from reprun.sweeps.expansion import Task, expand
from reprun.sweeps.filling import Command, Filler
from reprun.sweeps.reading import read_sweep

CASES = json.loads(Path(__file__).with_name("mlrunner_cases.json").read_text("utf-8"))


def commands_of(text: str) -> list[tuple[Task, str, Command]]:
    sweep = read_sweep(parse_documents(text, "params.yaml"), "params.yaml")
    fillers = {name: Filler(template, sweep.places[name]) for name, template in sweep.stages.items()}
    found = []
    for task in expand(sweep):
        own = {"_name": task.name, "_time": "T", "_output": f"output/{task.name}"}
        for stage in task.stages:
            found.append((task, stage, fillers[stage].fill(task.params, own, set(task.optional))))
    return found


@pytest.mark.parametrize("case", CASES, ids=range(1, len(CASES) + 1))
def test_the_commands_are_those_of_mlrunner(case):
    theirs = {(stage, line.strip()) for _, stages in case["tasks"] for stage, line in stages.items()}
    ours = commands_of(case["yaml"])
    assert {(stage, command.shown.strip()) for _, stage, command in ours} == theirs
    assert [task.name for task, _, _ in ours if task]  # not nothing at all


@pytest.mark.parametrize("case", CASES, ids=range(1, len(CASES) + 1))
def test_the_words_that_run_are_those_that_a_shell_would_make_of_the_line(case):
    for task, _, command in commands_of(case["yaml"]):
        if command.argv[0] != "bash":
            output = [word.replace("{output}", f"output/{task.name}") for word in command.argv]
            assert output == shlex.split(command.shown)


def test_seeds_that_mlrunner_puts_into_one_folder_have_names_of_their_own():
    text = "template: {a: 'x [seed]'}\nresource: [0]\n---\nseed: [1234567, 1234568]\n"
    assert [task.name for task, _, _ in commands_of(text)] == ["Seed_1234567", "Seed_1234568"]


def test_the_order_of_keys_makes_no_other_task():
    text = "template: {a: 'x [b] [c]'}\n---\nb: 1\nc: 2\n---\nc: 2\nb: 1\n"
    assert len(commands_of(text)) == 1


def test_a_placeholder_within_a_value_is_not_filled():
    text = "template: {a: 'x {b} {c}'}\n---\nb: '{c}'\nc: '{output}'\n"
    assert commands_of(text)[0][2].argv == ("x", "{{c}}", "{{output}}")  # `launch` makes {c} and {output} of them
