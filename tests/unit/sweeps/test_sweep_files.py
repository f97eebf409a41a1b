"""Wrong sweep files: one sentence, with the line, and something to type."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.config.documents import parse_documents
from reprun.core.errors import UsageError
from reprun.sweeps.conditions import parse_condition
from reprun.sweeps.expansion import Wish, expand, why_none
from reprun.sweeps.filling import Filler
from reprun.sweeps.naming import folder_of
from reprun.sweeps.reading import read_sweep

HEAD = "template:\n  train: python a.py [lr]\n"


def everything(text, **wish):
    sweep = read_sweep(parse_documents(text, "f.yaml"), "f.yaml")
    tasks = expand(sweep, Wish(exists=lambda _: False, **wish))
    fillers = {name: Filler(template, sweep.places[name]) for name, template in sweep.stages.items()}
    return [
        fillers[stage].fill(task.params, {"_name": "n", "_time": "t", "_output": "o"}, set(task.optional))
        for task in tasks
        for stage in task.stages
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml holds nothing"),
        ("- a\n", "line 1"),
        ("a: [\n", "line 2"),
        ("default: {a: 1}\n", "line 1: there is no template"),
        ("template: 3\n", "line 1: template is no mapping"),
        ("template:\n  train:\n", "line 2: the stage train has no command"),
        ("template: {}\n", "there is no template"),
        (HEAD + "default: [1]\n", "line 3: default is no mapping"),
        (HEAD + "default: {lr: [1]}\n", "line 3: a value of lr is a list"),
        (HEAD + "default: {lr: ~}\n", "line 3: a value of lr is nothing"),
        (HEAD + "resource: {a: 1}\n", "line 3: resource is no list of GPUs"),
        (HEAD + "alias: {a: 1}\n", "line 3: the alias a is no mapping"),
        (HEAD + "roles: {lr: winner}\n", "line 3: winner is no role"),
        (HEAD + "roles: {target: [la]}\n---\nlr: 1\n", "line 3: there is no parameter la"),
        (HEAD + "direction: up\n", "line 3: direction is neither max nor min"),
        (HEAD + "ignore: [1]\n", "line 3: ignore is no list"),
        (HEAD, "line 2: nothing fills [lr]"),
        (HEAD + "---\nlr: [1, [2]]\n", "line 4: a value of lr is a list"),
        (HEAD + '---\nlr: "a\\0b"\n', "line 4: a value of lr holds"),
        (HEAD + '---\nlr: ["\\ud800"]\n', "line 4: a value of lr holds"),
        ("template:\n  a: 'x " + "y" * 100_000 + "'\n", "line 2: the stage a has a command of more than"),
        ('template:\n  a: "x \\0"\n', "line 2: the stage a has a command that is no text"),
        ("template: {a: 'x [arch] [w]'}\nalias: {arch: {s: {w: 1}}}\n---\narch: s\n", "line 1: nothing fills [arch]"),
        (HEAD + "---\nlr: {from: 1}\n", "line 4: to of lr is no number"),
        (HEAD + "---\nlr: {from: 1, to: 2}\n", "line 4: num of lr"),
        (HEAD + "---\nlr: {from: 0, to: 2, num: 3, log: true}\n", "line 4: a range with log"),
        (HEAD + "---\nlr: {from: 1, to: 2, num: 99999999999}\n", "line 4: num of lr"),
        (HEAD + "---\nlr: {from: 1, to: 2, step: 0}\n", "line 4: step of lr"),
        (HEAD + "---\nlr: {from: 1, to: .inf, step: 1}\n", "line 4: to of lr"),
        (HEAD + "---\nlr: {from: 1, too: 2}\n", "line 4: lr has no 'too'"),
        (HEAD + "---\nlr: {values: [1], from: 2}\n", "line 4: lr has both"),
        (HEAD + "---\nlr: {from: 1, to: 2, num: 3, step: 0.5}\n", "line 4: the range of lr has both step and num"),
        (HEAD + "---\nlr: {from: 1, to: 2, step: 0.5, log: true}\n", "line 4: the range of lr has both step and log"),
        (HEAD + "---\nlr: {from: 0, to: 1, step: 1e-9}\n", "line 4: step of lr makes more than 100000 values"),
        (HEAD + "---\nlr: " + "x" * 100_001 + "\n", "line 4: a value of lr is longer than"),
        (HEAD + "---\nzip: {lr: [1, 2], b: [1]}\n", "line 4: the lists of zip differ"),
        (HEAD + "---\nseeds: many\nlr: 1\n", "line 4: seeds is neither"),
        (HEAD + "---\nseeds: -1\nlr: 1\n", "line 4: seeds is neither"),
        (HEAD + "---\nlr: 1\nwhen: lr <\n", "line 5 cannot be understood"),
        (HEAD + "---\nlr: 1\nwhen: lr == small\n", "there is no parameter small"),
        (HEAD + "---\nlr: 1\nzip: {lr: [1]}\n", "line 4: lr is chosen twice"),
        (HEAD + "---\n_cmd: [test]\nlr: 1\n", "there is no stage test"),
        (HEAD + "---\nlr: 1\nlr: 2\n", "has the key 'lr' twice at line 5"),
        (HEAD + "alias: {arch: {a: {lr: 1}}}\n---\narch: b\n", "line 5: b is no case of the alias arch"),
        ("template: !!python/object/apply:os.system [id]\n", "is not supported"),
        ("a: &a [*a]\n", ""),
        ("a: &a {<<: *a}\n", ""),
        ("template: {a: 'x " + "{" * 3000 + "'}\n", None),
        ("[" * 5000, "nested deeper"),
        ("a: " + "9" * 400 + "\n", "too long"),
        ("---\n" * 2 + "a: 1\n", "no template"),
    ],
)
def test_it_is_said_where(text, said):
    if said is None:
        assert everything(text)
        return
    with pytest.raises(UsageError) as error:
        everything(text)
    assert said in error.value.message
    assert "\n" not in error.value.message


@given(st.text("abc:{}[]-&*!|>'\"\n #<0123.e~%@", max_size=60))
@settings(max_examples=300, deadline=None)
def test_nothing_that_is_written_gives_anything_but_a_sentence(text):
    for whole in (text, HEAD + "---\n" + text):
        try:
            everything(whole)
        except UsageError as error:
            assert error.message


@pytest.mark.parametrize(
    ("choices", "said"),
    [("lr: []\n", "line 4: lr has no values"), ("lr: [1, 2]\nwhen: lr > 5\n", "line 4: no combination of the choices fulfils")],
)
def test_that_there_is_no_task_has_a_reason(choices, said):
    text = HEAD + "---\n" + choices
    assert everything(text) == []
    assert said in why_none(read_sweep(parse_documents(text, "f.yaml"), "f.yaml"), "")


def test_a_stage_is_made_by_the_commands_up_to_it():
    text = 'template: {train: "a\\n  b", test: c, plot: d}\n'
    assert read_sweep(parse_documents(text, "f.yaml"), "f.yaml").made_by("test") == ("", "a b", "c")
    text += "config: c.yaml\n"
    assert read_sweep(parse_documents(text, "f.yaml"), "f.yaml").made_by("train") == ("c.yaml", "a b")


@pytest.mark.parametrize("wish", [{"title": "x"}, {"stages": ("test",)}])
def test_what_is_asked_for_must_be_there(wish):
    with pytest.raises(UsageError):
        everything(HEAD + "---\nlr: 1\n", **wish)


@pytest.mark.parametrize(
    "source",
    ["__import__('os')", "lr.real", "lr[0]", "(lambda: 1)()", "lr ** 9", "f'{lr}'", "lr if lr else 1", "lr is 1", "1" * 2000,
     "(" * 500]
)  # fmt: skip
def test_a_condition_compares_and_calculates_and_no_more(source):
    with pytest.raises(UsageError):
        parse_condition(source, "when")


@pytest.mark.parametrize(
    ("source", "params", "holds"),
    [
        ("lr < 0.1", {"lr": "1e-3"}, True),
        ("{batch-size} * lr <= 10", {"lr": 1, "batch-size": 10}, True),
        ("norm == 'new' and not flag", {"norm": "new", "flag": False}, True),
        ("norm in ['new', 'old']", {"norm": "old"}, True),
        ("norm not in ('new',)", {"norm": "new"}, False),
        ("flag == true", {"flag": True}, True),
        ("flag == 1", {"flag": True}, False),
        ("0 < lr < 1", {"lr": 0.5}, True),
        ("lr / zero > 1", {"lr": 1, "zero": 0}, False),
        ("gone > 1", {"lr": 1}, False),
        ("norm < 1", {"norm": "new"}, False),
        ({"lr": [1, 2], "norm": "new"}, {"lr": 2.0, "norm": "new"}, True),
        ({"gone": 1}, {}, False),
    ],
)
def test_conditions(source, params, holds):
    assert parse_condition(source, "when").holds(params) is holds


def test_a_file_without_choices_is_one_task():
    assert [command.argv for command in everything(HEAD + "default: {lr: 1}\nseeds: 2\n")] == [
        ("python", "a.py", "--lr", "1")
    ] * 2


def test_a_range_may_be_as_wide_as_numbers_are():
    words = [command.argv[-1] for command in everything(HEAD + "---\nlr: {from: -1e+308, to: 1e+308, num: 3}\n")]
    assert words == ["-1e+308", "0.0", "1e+308"]
    wide = str(10**308)
    assert len(everything(HEAD + f"---\nlr: {{from: -{wide}, to: {wide}, num: 5}}\n")) == 5


def test_no_two_names_become_one_folder():
    names = ["Lr_", "Lr_ ", "Lr_.", "a_b", "a\nb", "a\tb", "x" * 300, "x" * 301]
    assert len({folder_of(name, f"{at}abcdefgh") for at, name in enumerate(names)}) == len(names)
    assert folder_of("Lr_0.1-Seed_1", "abcdefgh") == "Lr_0.1-Seed_1"
