"""Optuna itself: what it suggests, and the journal that its own tools read. Nothing is run."""

import math
import sys
import warnings

import pytest

optuna = pytest.importorskip("optuna")

from reprun.commands import optuna_study  # noqa: E402
from reprun.commands.optuna_asking import Ask, suggest  # noqa: E402
from reprun.commands.optuna_keeping import find_importances, keep_study  # noqa: E402
from reprun.config.documents import parse_documents  # noqa: E402
from reprun.core.errors import ToolError  # noqa: E402
from reprun.core.frozen import replace  # noqa: E402
from reprun.sweeps.drawing import first_trials, key_at  # noqa: E402
from reprun.sweeps.outcomes import Told  # noqa: E402
from reprun.sweeps.reading import read_sweep  # noqa: E402
from reprun.sweeps.shape import Trial  # noqa: E402
from reprun.sweeps.studies import studies_of  # noqa: E402

TEXT = """template: {train: 'train [lr] [opt] [momentum] [depth]'}
search: {sampler: tpe, trials: 30, metric: loss, direction: min, seed: 5}
constraints: ["depth < 8"]
---
lr: {from: 1e-5, to: 0.1, log: true}
opt: [sgd, true, 1]
momentum: {from: 0, to: 0.9, step: 0.1, when: {opt: sgd}}
depth: {from: 1, to: 8, int: true}
"""


@pytest.fixture
def sweep():
    return read_sweep(parse_documents(TEXT, "f.yaml"), "f.yaml")


@pytest.fixture
def study(sweep):
    return studies_of(sweep, sweep.choices[0])[0]


def loss(chosen):
    return (math.log10(chosen["lr"]) + 2.5) ** 2 + 0.1 * abs(chosen["depth"] - 3)


def told(sweep, study, count):
    return [Told(trial, "complete", loss(trial.chosen), run_id="r") for trial in first_trials(sweep, study, count)]


def asked(sweep, study, known, number):
    taken = {key_at(sweep, study, one.trial.chosen) for one in known}
    return suggest(Ask(sweep, study, known, number, lambda chosen: chosen["depth"] >= 8 or key_at(sweep, study, chosen) in taken))


def test_suggestions_find_the_optimum_keep_to_the_space_and_are_never_the_same(sweep, study):
    known = told(sweep, study, 10)
    for number in range(10, 30):
        chosen = asked(sweep, study, known, number)
        assert ("momentum" in chosen) == (chosen["opt"] == "sgd")
        assert 1 <= chosen["depth"] <= 7
        known.append(Told(Trial(study.name, number, chosen), "complete", loss(chosen)))
    assert len({key_at(sweep, study, one.trial.chosen) for one in known}) == 30
    later, first = (sorted(one.value for one in some)[len(some) // 2] for some in (known[10:], known[:10]))
    assert later < first / 2


def test_a_question_has_one_answer_and_what_runs_is_part_of_it(sweep, study):
    known = told(sweep, study, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = asked(sweep, study, known, 12)
    assert asked(sweep, study, known, 12) == first
    assert asked(sweep, study, [*known, Told(Trial(study.name, 12, first), "running")], 13) != first
    failed = [*known[:6], *(replace(one, state="failed", value=None, words="why") for one in known[6:])]
    assert asked(sweep, study, failed, 12) is not None


def test_nothing_is_suggested_when_all_is_refused(sweep, study):
    assert suggest(Ask(sweep, study, told(sweep, study, 10), 10, lambda chosen: True)) is None


def read_back(path, study):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    found = optuna.load_study(study_name=study.name, storage=storage)
    return [(trial.user_attrs["trial"], trial.state.name, trial.value) for trial in found.trials], found


def test_the_journal_grows_and_is_read_by_optuna(sweep, study, tmp_path):
    path = tmp_path / "studies" / "f.journal"
    known = told(sweep, study, 4)
    running = [*known[:2], *(Told(one.trial, "running") for one in known[2:])]
    keep_study(str(path), sweep, [(study, running)])
    assert [state for _, state, _ in read_back(path, study)[0]] == ["COMPLETE"] * 2 + ["RUNNING"] * 2
    before = path.read_bytes()
    keep_study(str(path), sweep, [(study, running)])
    assert path.read_bytes() == before
    failed = replace(known[3], state="failed", value=None, words="it is gone")
    keep_study(str(path), sweep, [(study, [*known[:3], failed])])
    assert path.read_bytes().startswith(before)  # who reads it along goes on
    rows, found = read_back(path, study)
    assert [state for _, state, _ in rows] == ["COMPLETE"] * 3 + ["FAIL"]
    assert found.trials[3].user_attrs["why"] == "it is gone"
    assert found.best_value == min(loss(one.trial.chosen) for one in known[:3])


@pytest.mark.parametrize("damage", [b"", b'{"op_code": 0', b"\0\xff\n" * 9, b"{}\n[]\n", None])
def test_a_journal_that_is_damaged_or_says_something_else_is_made_anew(sweep, study, tmp_path, damage):
    path, known = tmp_path / "f.journal", told(sweep, study, 3)
    keep_study(str(path), sweep, [(study, [replace(known[0], value=99.0), *known[1:]])])
    whole = path.read_bytes()
    if damage is not None:
        path.write_bytes(whole[:300] + damage)
    (tmp_path / "f.journal.lock").symlink_to("gone")  # of a program that was killed
    keep_study(str(path), sweep, [(study, known)])
    assert read_back_values(path, study) == [one.value for one in known]


def read_back_values(path, study):
    (path.parent / "f.journal.lock").unlink(missing_ok=True)
    return [value for _, _, value in read_back(path, study)[0]]


def test_which_parameters_count(sweep, study):
    found = find_importances(sweep, study, told(sweep, study, 30))
    assert max(found, key=found.get) == "lr"
    assert find_importances(sweep, study, []) == {}


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/u/.local/share/pipx/venvs/reprun", "pipx inject reprun optuna"),
        ("/home/u/.local/share/uv/tools/reprun", "uv tool install reprun --with optuna"),
        ("/home/u/venv", f"{sys.executable} -m pip install 'reprun[search]'"),
    ],
)
def test_without_optuna_it_is_said_how_to_install_it(monkeypatch, prefix, command):
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setitem(optuna_study._NEEDS, "tpe", ("optuna_that_is_not_there",))
    with pytest.raises(ToolError, match="the sampler tpe needs optuna_that_is_not_there, which is not installed"):
        optuna_study.require_sampler("tpe")
    assert optuna_study.how_to_install(["optuna"]) == command
