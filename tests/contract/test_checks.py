"""What every preflight check must do: find nothing in a launch that is fine, and say what to do about one that is not."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import pytest

from reprun import preflight
from reprun.core.errors import RefusedError
from reprun.core.seeds import Seeds
from reprun.core.spec import Attempt, ConfigRecord, RunSpec
from reprun.preflight import asked, clearing
from reprun.preflight.base import LEVELS, Check, Finding
from reprun.preflight.plugins import PluginCheck

GPU = {"index": 0, "name": "Test", "uuid": "GPU-1234", "memory": 1, "driver": "1"}
SCHEMA = json.dumps({"properties": {"lr": {"type": "number"}}, "additionalProperties": False})
CONFIG = ConfigRecord("conf/base.yaml", "yaml", (), "lr: 0.1\n", {"lr": 0.1})
RULES: dict[str, Any] = {
    "data": {"x.csv": {"sha256": "a" * 64, "size": 4, "count": 1}}, "variables": ["HOME", "TOKEN", "SET"],
    "schema": "conf/schema.json", "programs": {"git": ">=2,<99", "sh": ""}, "lock": "fresh", "gpu_memory": 1 << 30,
    "tests": ["tests/preflight"], "time": {"limit": 3600, "expected": 3600, "of": ""},
}  # fmt: skip
FACTS: dict[str, Any] = {
    "imports": {"problems": [], "unseeded": []}, "places": {"unreadable": [], "unwritable": [], "short": []},
    "ports": {"taken": []},
    "programs": {"git": {"path": "/bin/git", "version": "2.39.5"}, "sh": {"path": "/bin/sh", "version": ""}},
    "schema": {"text": SCHEMA}, "frozen": {"changed": []}, "project": {"programs": ["a.py"], "findings": []},
    "gpu": {"busy": [], "short": [], "cuda": "12.4",
        "products": [{"framework": "torch", "built": True, "fine": True, "said": ""}]},
    "tests": {"status": 0, "last": "1 passed", "lacks": False},
    "determinism": {"deterministic": True, "steps": 3, "runs": ["a", "b"], "at": "2026-01-01T00:00:00.000Z"},
}  # fmt: skip
FINE: dict[str, Any] = {
    "program": "/bin/true", "gpus": [GPU], "free_bytes": 1 << 40, "run_dir": "/runs/x",
    "preflight": {**FACTS, "sanity": [{"passed": True, "name": "a", "why": "", "wanted": "", "run_id": "b"}]},
    "measured": {"skew": 3.0},
    "inherited": {"HOME": "/home/x"}, "environment": {"prefix": "/usr", "packages": ["cuda-version=12.1=h1"]},
    "data": [{"path": "x.csv", "size": 4, "files": 1, "sha256": "a" * 64}], "locked": {"origin": "committed"},
}  # fmt: skip


def problem(kind: str, certain: bool = True, **more: str) -> dict[str, Any]:
    return {
        "imports": {
            "problems": [{"kind": kind, "name": "torch", "where": "a.py:1", "message": "why", "certain": certain, **more}]
        }
    }


def product(said: str, built: bool = True) -> dict[str, Any]:
    return {"gpu": {"products": [{"framework": "torch", "built": built, "fine": False, "said": said}]}}


def rehearsed(passed: bool | None) -> dict[str, Any]:
    return {"name": "overfit", "passed": passed, "why": "acc = 0.1", "wanted": "acc > 0.9", "run_id": "20260101-000000-abcdef"}


# Each check with a change of what is asked for, of the answer, or of its facts, and whether that is refused or warned of.
Case = tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], str]
WRONG: list[Case] = [
    ("program", {}, {"program": ""}, {}, "refuse"),
    ("gpus", {"gpus": "7"}, {}, {}, "refuse"),
    ("gpus", {"gpus": "0"}, {"gpus": []}, {}, "refuse"),
    ("gpus", {"gpus": "", "queue": {"gpus": 2}}, {}, {}, "refuse"),
    ("gpus", {"gpus": "", "queue": {"gpus": 1}}, {"gpus": []}, {}, "warn"),
    ("gpus", {"gpus": "", "queue": {"cpus": 5}}, {"host": {"cpus": 4}}, {}, "refuse"),
    ("gpus", {"gpus": "", "queue": {"memory": 1 << 40}}, {"host": {"memory": 1 << 34}}, {}, "refuse"),
    ("disk", {}, {"free_bytes": 0}, {}, "refuse"),
    *(("imports", {}, {}, problem(kind), "refuse") for kind in ("missing", "import", "syntax", "error", "absent", "ended")),
    ("imports", {}, {}, problem("missing", near="src"), "refuse"),
    *(("imports", {}, {}, problem(kind, False), "warn") for kind in ("missing", "import", "error", "exit", "slow", "ended")),
    ("seeds", {}, {}, {"imports": {"unseeded": [["numpy", "a.py:1"]]}}, "warn"),
    ("data", {}, {"data": [{"path": "x.csv", "size": 4, "files": 1, "sha256": "b" * 64}]}, {}, "refuse"),
    ("data", {}, {"data": [{"path": "x.csv", "size": 5, "files": 1, "sha256": "a" * 64}]}, {}, "refuse"),
    ("data", {}, {"data": [{"path": "x.csv", "size": 4, "files": 2, "sha256": "a" * 64}]}, {}, "refuse"),
    ("data", {}, {}, {"frozen": {"changed": [["x.csv", "size", "/memo"]]}}, "refuse"),
    ("places", {}, {}, {"places": {"unreadable": [["/a", "is not there"]]}}, "refuse"),
    ("places", {}, {}, {"places": {"unwritable": [["/a", "may not be written by this user"]]}}, "refuse"),
    ("places", {}, {}, {"places": {"short": [["/a", "bytes", 5]]}}, "refuse"),
    ("places", {}, {}, {"places": {"short": [["/a", "inodes", 5]]}}, "refuse"),
    ("ports", {}, {}, {"ports": {"taken": [[6006, "is taken"]]}}, "refuse"),
    ("ports", {}, {}, {"ports": {"taken6": [6006]}}, "warn"),
    ("variables", {"secrets": ()}, {}, {}, "refuse"),
    ("variables", {"variables": {"SET": ""}}, {}, {}, "refuse"),
    ("programs", {}, {}, {"programs": {"git": {"path": "", "version": ""}}}, "refuse"),
    ("programs", {}, {}, {"programs": {"git": {"path": "/bin/git", "version": "1.9"}}}, "refuse"),
    ("programs", {}, {}, {"programs": {"git": {"path": "/bin/git", "version": ""}}}, "warn"),
    ("schema", {"config": ConfigRecord("a", "yaml", (), "lr: x", {"lr": "x"})}, {}, {}, "refuse"),
    ("schema", {"config": ConfigRecord("a", "yaml", (), "new: 1", {"new": 1})}, {}, {}, "refuse"),
    ("schema", {}, {}, {"schema": {"text": ""}}, "refuse"),
    ("schema", {}, {}, {"schema": {"text": "{"}}, "refuse"),
    ("schema", {}, {}, {"schema": {"text": '{"type": 5}'}}, "refuse"),
    ("schema", {}, {}, {"schema": {"text": '{"$ref": "http://127.0.0.1:1/x"}'}}, "warn"),
    ("clock", {}, {"measured": {"skew": 3600.0}}, {}, "warn"),
    ("clock", {}, {"measured": {"skew": -3600.0}}, {}, "warn"),
    ("lock", {}, {"locked": {"origin": "made"}}, {}, "refuse"),
    ("lock", {}, {"locked": {}}, {}, "refuse"),
    ("gpu", {}, {}, {"gpu": {"short": [0]}}, "refuse"),
    ("gpu", {"gpus": ""}, {}, {"gpu": {"short": [0]}}, "warn"),
    ("gpu", {}, {}, {"gpu": {"busy": [0]}}, "warn"),
    ("gpu", {"rules": {"gpu_exclusive": True}}, {}, {"gpu": {"busy": [0]}}, "refuse"),
    ("gpu", {}, {}, {"gpu": {"cuda": "11.8"}}, "warn"),
    ("gpu", {"gpus": "MIG-1"}, {}, {"gpu": {"absent": ["MIG-1"]}}, "refuse"),
    ("gpu", {}, {}, {"gpu": {"trouble": "NVIDIA-SMI has failed"}}, "refuse"),
    ("gpu", {"gpus": ""}, {}, {"gpu": {"trouble": "NVIDIA-SMI has failed"}}, "warn"),
    ("gpu", {}, {}, product("it sees no GPU"), "refuse"),
    ("gpu", {}, {}, product("it is built without CUDA", built=False), "warn"),
    ("gpu", {"gpus": ""}, {}, product("it sees no GPU"), "warn"),
    ("project", {}, {}, {"project": {"findings": [{"severity": "refuse", "message": "m", "hint": "h"}]}}, "refuse"),
    ("project", {}, {}, {"project": {"findings": [{"severity": "warn", "message": "m", "hint": "h"}]}}, "warn"),
    ("tests", {}, {}, {"tests": {"status": 1, "last": "FAILED a"}}, "refuse"),
    ("tests", {}, {}, {"tests": {"status": None}}, "refuse"),
    ("tests", {}, {}, {"tests": {"status": 1, "last": "No module named pytest", "lacks": True}}, "refuse"),
    ("tests", {}, {}, {"tests": {"status": 5}}, "warn"),
    ("time", {"rules": {"time": {"limit": 3600, "expected": 3601, "of": ""}}}, {}, {}, "refuse"),
    ("time", {"rules": {"time": {"limit": 3600, "expected": 3601, "of": "20260101-000000-abcdef"}}}, {}, {}, "warn"),
    ("time", {}, {"time_limit": 60}, {}, "refuse"),
    ("sanity", {}, {}, {"sanity": [rehearsed(False)]}, "refuse"),
    ("sanity", {}, {}, {"sanity": [{**rehearsed(False), "run_id": ""}]}, "refuse"),
    ("sanity", {}, {}, {"sanity": [rehearsed(None)]}, "warn"),
    ("determinism", {}, {}, {"determinism": {"deterministic": False, "said": "they part at step 1"}}, "warn"),
    ("determinism", {}, {}, {"determinism": {"deterministic": None, "problem": "why", "runs": []}}, "warn"),
    ("determinism", {}, {}, {"determinism": {"deterministic": None, "problem": "why"}}, "warn"),
    ("probes", {}, {}, {"places": {"failed": "OSError: x"}}, "warn"),
]  # fmt: skip
CHECKS: dict[str, Check] = {
    check.name: check for check in (*clearing.CHECKS, *(check for check, _ in asked.ASKED), asked.ProbesCheck())
}


def spec(**changes: Any) -> RunSpec:
    rules = {**RULES, **changes.pop("rules", {})}
    plain = {"argv": ("true",), "cwd": "", "seeds": Seeds(1, "option"), "gpus": "0", "config": CONFIG, "preflight": rules}
    return RunSpec(**{**plain, "secrets": ("TOKEN",), "variables": {"SET": "1"}, **changes})


def answer(changes: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {name: {**fact, **facts.get(name, {})} for name, fact in FACTS.items()}
    merged["sanity"] = facts.get("sanity", [rehearsed(True)])
    if "programs" in facts:
        merged["programs"] = {**FACTS["programs"], **facts["programs"]}
    return {**FINE, "preflight": merged, **changes}


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_nothing_is_found_where_nothing_is_wrong(check: Check) -> None:
    assert check.findings(spec(), FINE) == []
    assert check.findings(spec(gpus="none"), {**FINE, "gpus": []}) == []


@pytest.mark.parametrize(("name", "wanted", "answered", "facts", "severity"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_found_and_can_be_mended(
    name: str, wanted: dict[str, Any], answered: dict[str, Any], facts: dict[str, Any], severity: str
) -> None:
    found = CHECKS[name].findings(spec(**wanted), answer(answered, facts))
    assert len(found) == 1 and isinstance(found[0], Finding)
    assert found[0].check == name and found[0].message and found[0].hint and "\n" not in found[0].message
    assert found[0].severity == severity


@pytest.mark.parametrize("case", WRONG, ids=[case[0] for case in WRONG])
def test_and_a_launch_is_refused_or_goes_on_with_the_warning(case: Case) -> None:
    name, wanted, answered, facts, severity = case
    asked_for, found = spec(**wanted), answer(answered, facts)
    attempt = Attempt("20260101-000000-abcdef", first=True)
    if severity == "warn":
        cleared = clearing.clear(attempt, asked_for, found)
        assert [one.check for one in cleared.warnings] == [name] and name in cleared.checks
    else:
        (finding,) = CHECKS[name].findings(asked_for, found)
        with pytest.raises(RefusedError) as refused:
            clearing.clear(attempt, asked_for, found)
        assert (refused.value.message, refused.value.hint) == (finding.message, finding.hint)


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_a_target_that_says_less_is_no_crash(check: Check) -> None:
    plain = RunSpec(("true",), "", Seeds(1, "option"))
    assert isinstance(check.findings(plain, {"program": "/bin/true"}), list)


def test_every_check_is_held_here() -> None:
    """Also one that is written and not registered; those of packages have a test of their own."""
    assert {case[0] for case in WRONG} == set(CHECKS)
    written = {
        kind
        for module in pkgutil.iter_modules(preflight.__path__)
        for kind in vars(importlib.import_module(f"reprun.preflight.{module.name}")).values()
        if isinstance(kind, type) and hasattr(kind, "findings")
    }
    assert written - {Check, clearing.Report, PluginCheck} == {type(check) for check in CHECKS.values()}


def test_every_check_refuses_but_those_that_cannot_know() -> None:
    refusing = {name for name, _, _, _, severity in WRONG if severity == "refuse"}
    assert set(CHECKS) - refusing == {"seeds", "clock", "determinism", "probes"}


def test_a_check_of_a_package_that_is_not_there() -> None:
    rules = {**RULES, "plugins": ["nosuchcheck"]}
    with pytest.raises(RefusedError) as refused:
        clearing.clear(Attempt("20260101-000000-abcdef", first=True), spec(rules=rules), FINE)
    assert "nosuchcheck" in refused.value.message and refused.value.hint.startswith("pip install")


def test_all_findings_are_told_together_each_with_its_hint() -> None:
    found = answer({"program": ""}, {"ports": {"taken": [[6006, "is taken"]]}, "gpu": {"busy": [0]}})
    with pytest.raises(RefusedError) as refused:
        clearing.clear(Attempt("20260101-000000-abcdef", first=True), spec(), found)
    text = refused.value.message
    assert text.startswith("2 things are wrong, nothing was started\n  program: ") and "\n      who has it" in text
    assert "gpu (warning): somebody computes on GPU 0" in text


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_off_looks_at_nothing(level: str) -> None:
    report = clearing.examine(spec(rules={"level": level}), {**FINE, "program": ""})
    assert bool(report.findings) is bool(report.checks) is (level != "off")


@pytest.mark.parametrize("strict", ["gpu", "*"])
def test_a_warning_refuses_where_the_project_says_so(strict: str) -> None:
    found = answer({}, {"gpu": {"busy": [0]}})
    attempt = Attempt("20260101-000000-abcdef", first=True)
    assert clearing.clear(attempt, spec(rules={"refuse": ["disk"]}), found).warnings
    with pytest.raises(RefusedError, match="somebody computes on GPU 0") as refused:
        clearing.clear(attempt, spec(rules={"refuse": [strict]}), found)
    assert refused.value.hint


def test_what_the_job_cannot_reach_is_warned_of() -> None:
    beyond = [["link", "my data", "/disk/my data"], ["data", "d/x.csv", "/repo/d/x.csv"], ["link", "far", ""]]
    found = {**FINE, "out_of_reach": beyond}
    report = clearing.examine(spec(rules={}), found)
    assert [(one.check, one.severity) for one in report.findings] == [("data", "warn")] * 3 and "data" in report.checks
    assert [one.hint for one in report.findings] == [
        "ln -sfn '/disk/my data' 'my data'", "name it by its whole path, to the job too: /repo/d/x.csv",
        "bring there what it leads to",
    ]  # fmt: skip
    for rules in ({"skip": ["data"]}, {"level": "off"}):
        assert not clearing.examine(spec(rules=rules), found).findings


@pytest.mark.parametrize(("near", "said"), [(".", "git check-ignore -v pkg/trian.py"), ("", "the version of pkg")])
def test_a_module_that_its_package_has_not_is_no_package_to_install(near: str, said: str) -> None:
    asked_of = {"imports": {"problems": [problem("missing", near=near)["imports"]["problems"][0] | {"name": "pkg.trian"}]}}
    (finding,) = clearing.examine(spec(rules={}), answer({}, asked_of)).findings
    assert said in finding.hint and "pip install" not in finding.hint


def test_a_check_can_be_skipped() -> None:
    report = clearing.examine(spec(rules={"skip": ["program"]}), {**FINE, "program": ""})
    assert report.findings == () and "program" not in report.checks and "disk" in report.checks
