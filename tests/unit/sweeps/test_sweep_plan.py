from reprun.sweeps.identity import Basis, code_of, identity_of, loose_of
from reprun.sweeps.plan import OTHER_CODE, Known, Rules, Runs, Wanted, decide

STAGES = ("train", "test")
NEW, OLD = Basis("new"), Basis("old")


def wanted(stage, basis=NEW, task="t"):
    loose = loose_of(task, stage, [f"run {stage}"], "")
    return Wanted(task, "name", stage, identity_of(loose, basis), loose, basis.code)


def run(run_id, stage, state, basis=NEW, **more):
    one = wanted(stage, basis)
    identity = more.pop("identity", one.identity)
    return Known(run_id, one.task, one.stage, identity, one.loose, state, state, code=basis.code, **more)


def plan(known, stages=STAGES, policy="same code", force=False):
    rules = Rules(STAGES, policy, force)
    steps = decide([wanted(one) for one in stages], Runs(known, policy), rules, lambda one, stage: wanted(stage), ["n1", "n2"])
    return [(step.action, step.run_id, step.builds_on, step.waits) for step in steps]


def test_what_never_ran_is_started_and_stages_follow_each_other():
    assert plan([]) == [("start", "n1", "", False), ("start", "n2", "n1", True)]


def test_what_is_finished_is_skipped_and_the_next_stage_runs_alone():
    assert plan([run("r1", "train", "finished")]) == [("skip", "r1", "", False), ("start", "n1", "r1", False)]
    assert plan([run("r1", "train", "finished")], stages=("test",)) == [("start", "n1", "r1", False)]


def test_what_is_under_way_is_left_and_waited_for():
    for state in ("queued", "starting", "running"):
        assert plan([run("r1", "train", state)]) == [("keep", "r1", "", False), ("start", "n1", "r1", True)]


def test_what_has_failed_is_started_again_however_it_failed():
    for state in ("failed", "stopped", "lost", "canceled"):
        assert plan([run("r1", "train", state)], stages=("train",)) == [("start", "n1", "", False)]


def test_a_host_that_does_not_answer_is_not_taken_for_a_failure():
    assert plan([run("r1", "train", "unreachable", heard=False)], stages=("train",)) == [("keep", "r1", "", False)]


def test_of_several_attempts_the_newest_that_counts_is_followed_with_the_others():
    def follows(known):
        steps = decide([wanted("test")], Runs(known, "same code"), Rules(STAGES), lambda one, stage: wanted(stage), ["n1"])
        return steps[0].builds_on, steps[0].waits, steps[0].attempts

    spare, first = "r1", "r2"  # a further attempt has an older id
    assert follows([run(first, "train", "running"), run(spare, "train", "queued")]) == (first, True, (spare,))
    assert follows([run(first, "train", "failed"), run(spare, "train", "queued")]) == (spare, True, ())
    assert follows([run(first, "train", "finished"), run(spare, "train", "queued")]) == (first, False, ())
    assert follows([run(first, "train", "failed"), run(spare, "train", "finished")]) == (spare, False, ())


def test_an_attempt_that_is_not_needed_keeps_nothing_under_way():
    assert plan([run("r2", "train", "finished"), run("r1", "train", "queued")], stages=("train",)) == [("skip", "r2", "", False)]
    assert plan([run("r2", "train", "queued"), run("r1", "train", "finished")], stages=("train",)) == [("keep", "r2", "", False)]


def test_other_code_counts_only_with_the_policy_any():
    known = [run("r1", "train", "finished", OLD)]
    assert plan(known, stages=("train",)) == [("start", "n1", "", False)]
    assert plan(known, stages=("train",), policy="any") == [("skip", "r1", "", False)]


def test_force_starts_what_is_finished_and_not_what_is_under_way():
    assert plan([run("r1", "train", "finished")], stages=("train",), force=True) == [("start", "n1", "", False)]
    assert plan([run("r1", "train", "running")], stages=("train",), force=True) == [("keep", "r1", "", False)]


def test_the_reason_says_what_is_other():
    def reason(known):
        return decide([wanted("train")], Runs([known], "same code"), Rules(STAGES), lambda one, _: one, ["n"])[0].reason

    assert reason(run("r1", "train", "finished", OLD)) == "r1 had finished, with other code"
    assert reason(run("r1", "train", "failed", OLD)) == "r1: failed, with other code"
    steps = decide(
        [wanted("train")], Runs([run("r1", "train", "finished", OLD)], "same code"), Rules(STAGES), lambda one, _: one, "n"
    )
    assert (steps[0].other, OTHER_CODE in steps[0].reason) == ("r1", True)
    other = wanted("train", Basis("new", lock="l"))
    assert "other data or packages" in reason(Known("r1", "t", "train", other.identity, other.loose, "finished", "", code="new"))


def test_the_identity_is_of_everything_that_counts():
    loose = loose_of("t", "train", ["run"], "")
    kinds = {identity_of(loose, basis) for basis in (NEW, OLD, Basis("new", "lock"), Basis("new", "", ("data",)))}
    assert len(kinds | {identity_of(loose_of("t", "train", ["run"], "sub"), NEW)}) == 5
    tasks = {loose_of("t", "train", ["run"], ""), loose_of("t", "test", ["run"], ""), loose_of("u", "train", ["run"], "")}
    assert len(tasks | {loose_of("t", "test", [before, "run"], "") for before in ("a", "b")}) == 5


def test_a_trial_of_debug_is_none_of_a_task_whatever_the_policy():
    trial = run("r1", "train", "finished", identity="")
    for policy in ("same code", "any"):
        assert plan([trial], stages=("train",), policy=policy) == [("start", "n1", "", False)]


def test_the_code_is_the_tree_without_what_is_no_code():
    entries = [b"100644 blob 1\ta.py", b"100644 blob 2\tconf/s.yaml", b"100644 blob 3\tdocs/a/b.md", b"100644 blob 4\tx.md"]
    assert code_of(entries, ["conf/s.yaml", "docs", "*.md"]) == code_of(entries[:1], [])
    assert code_of(entries, ["conf/s.yaml"]) != code_of(entries[:1], [])
    assert code_of(entries, ["s.yaml"]) == code_of(entries, [])
    assert len({code_of(entries, [], config) for config in (None, "", "a: 1\n", "a: 2\n")}) == 4  # git may ignore the file
