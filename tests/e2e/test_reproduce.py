"""`reprun reproduce`: from the manifest alone, with a verdict and its reasons."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, run, show, wait
from lab import Run

pytestmark = pytest.mark.e2e
# The job's number comes from a file outside of the tree, so that a test can let a reproduction drift.
SCRIPT = """
import json, os, pathlib, sys
shift = float(pathlib.Path(sys.argv[1]).read_text())
pathlib.Path(os.environ["REPRUN_METRICS"]).write_text(json.dumps({"loss": 1.0 + shift, "acc": 0.5}) + "\\n")
(pathlib.Path(os.environ["REPRUN_OUTPUT"]) / "model.txt").write_text(str(shift))
(pathlib.Path(os.environ["REPRUN_OUTPUT"]) / "seed.txt").write_text(os.environ["REPRUN_SEED"])
"""


@pytest.fixture
def shift(repo: Path, tmp_path: Path) -> Path:
    (repo / "train.py").write_text(SCRIPT)
    path = tmp_path / "shift"
    path.write_text("0")
    return path


@pytest.fixture
def original(shift: Path, reprun: Reprun) -> str:
    words = ("--name", "base", "--config", "conf/base.yaml", "--set", "lr=0.2", "--")
    return str(run(reprun, *words, "python", "train.py", str(shift))["run_id"])


def test_identical(repo: Path, git: Run, reprun: Reprun, original: str) -> None:
    (repo / "train.py").write_text("raise SystemExit('the new code ran')\n")
    (repo / "conf" / "base.yaml").unlink()
    answer = reprun("reproduce", "--json", original)
    data = answer.data
    assert data["verdict"]["kind"] == "identical" and data["parent"] == original and data["run_id"] != original
    old, new = show(reprun, original)["manifest"], show(reprun, data["run_id"])["manifest"]
    assert new["parent"] == original
    for part in ("command", "config", "seeds"):
        assert new[part] == old[part]
    assert (new["code"]["commit"], new["code"]["tree"]) == (old["code"]["commit"], old["code"]["tree"])
    assert (repo / "train.py").read_text() == "raise SystemExit('the new code ran')\n"
    assert "IDENTICAL" in reprun("reproduce", original).stdout


@pytest.mark.parametrize(
    ("tolerance", "verdict", "code"),
    [
        ([], "drifted", 7),
        (["1e-3"], "equivalent", 0),
        (["1e-9"], "drifted", 7),
        (["loss=1e-3"], "equivalent", 0),
        (["acc=1e-3"], "drifted", 7),
        (["loss=abs:1e-3"], "equivalent", 0),
        (["loss=rel:0,abs:1e-9"], "drifted", 7),
        (["1e-3", "loss=0"], "drifted", 7),
    ],
)
def test_a_number_that_moves(
    repo: Path, reprun: Reprun, original: str, shift: Path, tolerance: list[str], verdict: str, code: int
) -> None:
    shift.write_text("1e-5")
    words = [word for text in tolerance for word in ("--tolerance", text)]
    answer = reprun("reproduce", "--json", original, *words)
    assert (answer.rc, answer.json["exit_code"], answer.json["ok"]) == (code, code, code == 0)
    found = answer.json["data"]["verdict"]
    assert found["kind"] == verdict
    assert any("loss" in reason and "1.00001" in reason for reason in found["reasons"])


def test_the_tolerance_of_the_project(repo: Path, reprun: Reprun, original: str, shift: Path) -> None:
    shift.write_text("1e-5")
    (repo / "reprun.toml").write_text("[verdict.metrics.loss]\nrtol = 1e-3\n")
    assert reprun("reproduce", original).rc == 0
    (repo / "reprun.toml").write_text('[verdict]\nignore = ["loss", "model.txt"]\n')
    assert reprun("reproduce", original).rc == 0


def test_not_comparable(repo: Path, reprun: Reprun, original: str, shift: Path) -> None:
    shift.write_text("no number")
    answer = reprun("reproduce", "--json", original)
    assert answer.rc == 7 and answer.json["data"]["verdict"]["kind"] == "not_comparable"
    empty = run(reprun, "--", "true")["run_id"]
    answer = reprun("reproduce", empty)
    assert answer.rc == 7 and "NOT COMPARABLE" in answer.stdout


def test_a_plan_starts_nothing_and_shows_what_differs(repo: Path, git: Run, reprun: Reprun, original: str) -> None:
    before = git("for-each-ref"), os.listdir(Path(os.environ["REPRUN_HOME"], "runs"))
    answer = reprun("reproduce", "--plan", "--json", original, env={"OMP_NUM_THREADS": "3"})
    assert answer.rc == 0 and (git("for-each-ref"), os.listdir(Path(os.environ["REPRUN_HOME"], "runs"))) == before
    differing = [(row["area"], row["name"], row["new"]) for row in answer.data["differences"]]
    assert differing == [("variables", "OMP_NUM_THREADS", "3")]
    assert "OMP_NUM_THREADS" in reprun("reproduce", "--plan", original, env={"OMP_NUM_THREADS": "3"}).stdout


def test_diff_names_what_differs(repo: Path, reprun: Reprun, original: str, shift: Path) -> None:
    (repo / "new.txt").write_text("x")
    words = ("--config", "conf/base.yaml", "--seed", "3", "--", "python", "train.py", str(shift))
    second = run(reprun, *words)["run_id"]
    data = reprun("diff", "--json", original, second).data
    found = {(row["area"], row["name"]) for row in data["differences"]}
    assert {("config", "lr"), ("code", "commit"), ("seeds", "root")} <= found
    assert [item["path"] for item in data["files"]] == ["new.txt"]
    assert reprun("diff", "--json", original, original).data["differences"] == []


def test_from_anywhere_in_the_repository(repo: Path, reprun: Reprun, original: str) -> None:
    assert reprun("reproduce", original, cwd=repo / "conf").rc == 0


def test_the_folder_of_the_launch_is_kept(repo: Path, reprun: Reprun) -> None:
    (repo / "sub").mkdir()
    (repo / "sub" / "f").write_text("x")
    old = launch(reprun, "--", "sh", "-c", "pwd > $REPRUN_OUTPUT/where", cwd=repo / "sub")
    wait(reprun, old["run_id"])
    assert reprun("reproduce", old["run_id"]).rc == 0


class TestDamage:
    """What is missing or was edited is one sentence and something to type."""

    def refuses(self, reprun: Reprun, run_id: str, *said: str) -> None:
        for words in (["reproduce", run_id], ["reproduce", "--plan", run_id]):
            answer = reprun(*words)
            assert answer.rc == 6, answer
            assert all(text in answer.stderr for text in ("error: ", "hint: ", *said)), answer
        assert len(reprun("ls", "--json").data) == 1

    def test_an_edited_manifest_in_the_run_folder(self, reprun: Reprun, original: str) -> None:
        path = Path(show(reprun, original)["run_dir"], "manifest.toml")
        path.write_text(path.read_text().replace("base", "Base"))
        self.refuses(reprun, original, "seal")

    def test_an_edited_manifest_in_the_object_database(self, git: Run, reprun: Reprun, original: str) -> None:
        text = git("cat-file", "blob", f"refs/reprun/manifests/{original}").replace("lr: 0.2", "lr: 0.3")
        blob = git("hash-object", "-w", "--stdin", stdin=text.encode() + b"\n")
        git("update-ref", f"refs/reprun/manifests/{original}", blob)
        self.refuses(reprun, original, "seal")

    def test_a_manifest_that_is_cut_off(self, git: Run, reprun: Reprun, original: str) -> None:
        text = git("cat-file", "blob", f"refs/reprun/manifests/{original}")
        blob = git("hash-object", "-w", "--stdin", stdin=text[: len(text) // 2].encode())
        git("update-ref", f"refs/reprun/manifests/{original}", blob)
        self.refuses(reprun, original, "seal")

    def test_a_manifest_object_that_is_gone(self, repo: Path, git: Run, reprun: Reprun, original: str) -> None:
        self._remove(repo, git("rev-parse", f"refs/reprun/manifests/{original}"))
        self.refuses(reprun, original, "manifest")

    def test_a_commit_that_is_gone(self, repo: Path, git: Run, reprun: Reprun, original: str) -> None:
        self._remove(repo, git("rev-parse", f"refs/reprun/runs/{original}"))
        self.refuses(reprun, original, "commit", "git fetch")

    def _remove(self, repo: Path, object_id: str) -> None:
        Path(repo, ".git", "objects", object_id[:2], object_id[2:]).unlink()
