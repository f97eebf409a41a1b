"""Further attempts at the tasks of a sweep, groups that need one look, refusals that are told together."""

import pytest

from reprun.commands.launch_many import Planned, _refusal, group_of
from reprun.commands.sweep_open import SweepOptions
from reprun.commands.sweep_tries import as_given_up, blocked, new_tries, spares_of, waits_for, with_spares
from reprun.core.errors import RefusedError
from reprun.core.seeds import Seeds
from reprun.core.spec import RunSpec
from reprun.sweeps.plan import Known


def spec(*argv, **more):
    return RunSpec(argv=argv, cwd="", seeds=Seeds(1, "drawn", {}), **more)


def test_all_ids_are_distinct_with_those_of_further_attempts():
    runs = new_tries(300, 3)
    every = [*runs, *(spare for run_id in runs for spare in spares_of(run_id, 3))]
    assert len(set(every)) == 1200 and runs == sorted(runs)


def test_each_attempt_waits_for_the_one_before():
    run_id = new_tries(1, 2)[0]
    one = Planned(run_id, spec("true", queue={"kind": "tune", "after": [{"run": "x", "ok": True}]}), {"stage": "a"})
    first, second, third = with_spares(one, 2)
    assert (first.run_id, first.spec.queue["retries"]) == (run_id, 2)
    assert [other.spec.queue["retry_of"] for other in (second, third)] == [run_id, second.run_id]
    assert [other.run_id for other in (second, third)] == spares_of(run_id, 2)
    assert all(
        other.spec.queue["after"] and other.entry == one.entry and other.spec.parent == run_id for other in (second, third)
    )
    assert list(with_spares(one, 0)) == [one]


def test_who_waits_for_one_attempt_names_no_others():
    assert waits_for("a", ()) == {"after": [{"run": "a", "ok": True}]}
    assert waits_for("a", ("b",)) == {"after": [{"run": "a", "ok": True, "or": ["b"]}]}


def test_what_is_held_by_the_user_stays_held():
    def run(run_id, words, state="queued", **more):
        return Known(run_id, "t", "train", "i", "l", state, words, **more)

    alike = run("a", "queued (3 runs of its sweep ended alike: failed 1)")
    others = [run("b", "queued (held)"), run("c", alike.words, heard=False), run("d", alike.words, state="running")]
    assert blocked([alike, *others], {("t", "train")}) == [alike]
    assert blocked([alike], {("t", "test")}) == []
    assert [one.state for one in as_given_up([alike, others[0]], [alike])] == ["canceled", "queued"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("true", "1"), ("true", "2"), True),
        (("python", "a.py", "1"), ("python", "a.py", "2"), True),
        (("python", "a.py"), ("python", "b.py"), False),
        (("python3.11", "-u", "a.py"), ("python3.11", "-u", "b.py"), False),
        (("python", "-m", "a"), ("python", "-m", "b"), False),
        (("python", "-c", "x=1"), ("python", "-c", "x=2"), True),
        (("python", "-W", "error", "a.py"), ("python", "-W", "error", "b.py"), False),
        (("bash", "-c", "a"), ("sh", "-c", "a"), False),
    ],
)
def test_one_look_at_the_target_is_enough_for_one_program(one, other, same):
    assert (group_of(spec(*one)) == group_of(spec(*other))) is same


def test_refusals_are_told_together_and_one_that_all_have_only_once():
    different = {f"Lr_{value}": RefusedError(f"lr: {value} is too much", hint="mend it") for value in range(12)}
    told = _refusal(different, 20).message
    assert told.startswith("12 runs are refused") and "Lr_3: lr: 3 is too much" in told and "and 2 more" in told
    same = {name: RefusedError("no such program", hint="mend it") for name in "abc"}
    assert _refusal(same, 3).message == "no such program"


def test_what_is_typed_again_asks_for_the_same():
    options = SweepOptions("a b.yaml", "t", ("x", "y"), ("0", "1,2"), 3, "gpu1", policy="any", retries=0)
    expected = "--title t --on gpu1 --since-commit any --sample 3 --retries 0 -c x y -r 0 1,2"
    assert options.words() == ["a b.yaml", *expected.split()]
