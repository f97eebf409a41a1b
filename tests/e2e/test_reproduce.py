"""`reprun reproduce`: from the manifest alone, with a verdict and its reasons."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, run, show, wait
from lab import Run, until

from reprun.core.manifest import seal

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
    mistyped = reprun("reproduce", original, "--tolerance", "los=1e-3")
    assert mistyped.rc == 2 and "has no metric los\n" in mistyped.stderr and "--tolerance loss=1e-3" in mistyped.stderr


TOLERANCES = [
    ([], "drifted", 7),
    (["1e-3"], "equivalent", 0),
    (["1e-9"], "drifted", 7),
    (["loss=1e-3"], "equivalent", 0),
    (["acc=1e-3"], "drifted", 7),
    (["loss=abs:1e-3"], "equivalent", 0),
    (["loss=rel:0,abs:1e-9"], "drifted", 7),
    (["1e-3", "loss=0"], "drifted", 7),
]


def test_a_number_that_moves(repo: Path, reprun: Reprun, original: str, shift: Path) -> None:
    shift.write_text("1e-5")
    for tolerance, verdict, code in TOLERANCES:
        words = [word for text in tolerance for word in ("--tolerance", text)]
        answer = reprun("reproduce", "--json", original, *words)
        assert (answer.rc, answer.json["exit_code"], answer.json["ok"]) == (code, code, code == 0), tolerance
        found = answer.json["data"]["verdict"]
        assert found["kind"] == verdict, tolerance
        assert any("loss" in reason and "1.00001" in reason for reason in found["reasons"]), tolerance


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
    until(lambda: original in git("for-each-ref", "refs/reprun/outcomes"))  # the run before has published its end
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
    """A damaged copy of a manifest is put back from the other one, and said so; without one there is something to type."""

    def refuses(self, reprun: Reprun, run_id: str, *said: str) -> None:
        for words in (["reproduce", run_id], ["reproduce", "--plan", run_id]):
            answer = reprun(*words)
            assert answer.rc == 6, answer
            assert all(text in answer.stderr for text in ("error: ", "hint: ", *said)), answer
        assert len(reprun("ls", "--json").data) == 1

    def puts_back(self, git: Run, reprun: Reprun, run_id: str, what: str, damage: Callable[[], None]) -> None:
        """Looking tells of it and changes nothing; each of the commands puts back what was sealed, and then all is well."""
        path, ref = Path(os.environ["REPRUN_HOME"], "runs", run_id, "manifest.toml"), f"refs/reprun/manifests/{run_id}"

        def copies() -> tuple[bytes, str]:
            return (path.read_bytes() if path.is_file() else b""), git("cat-file", "blob", ref, check=False)

        damage()
        before = copies()
        for words in (["show", run_id], ["diff", run_id, run_id], ["reproduce", "--plan", run_id]):
            looked = reprun(*words)
            assert looked.rc == 0 and what in looked.stderr and "reprun doctor --mend" in looked.stderr, looked
        assert reprun("ls").rc == 0 and reprun("status").rc == 0 and copies() == before
        for number, command in enumerate((["reproduce", run_id], ["resume", run_id], ["doctor", "--mend"])):
            if number:
                damage()
            mended = reprun(*command)
            assert mended.rc == 0 and "put back" in mended.stdout + mended.stderr, mended
            assert copies()[0].decode().rstrip("\n") == copies()[1] and 'name = "base"' in copies()[1], command
            assert reprun("show", run_id).stderr == "" and git("fsck", "--strict", "--no-dangling") == "", command

    @pytest.mark.parametrize("damage", ["edited", "emptied", "torn", "removed", "a folder", "a link"])
    def test_the_file_in_the_run_folder(self, git: Run, reprun: Reprun, original: str, damage: str) -> None:
        path = Path(show(reprun, original)["run_dir"], "manifest.toml")
        text = path.read_text()

        def do() -> None:
            path.unlink()
            if damage == "a folder":
                path.mkdir()
            elif damage == "a link":
                path.symlink_to("/dev/zero")
            elif damage != "removed":
                path.write_text({"edited": text.replace("base", "Base"), "emptied": "", "torn": text[:300]}[damage])

        self.puts_back(git, reprun, original, str(path), do)

    @pytest.mark.parametrize("damage", ["edited", "sealed anew", "torn", "gone", "garbage"])
    def test_the_object(self, repo: Path, git: Run, reprun: Reprun, original: str, damage: str) -> None:
        ref = f"refs/reprun/manifests/{original}"
        text, blob = git("cat-file", "blob", ref), git("rev-parse", ref)
        path = Path(repo, ".git", "objects", blob[:2], blob[2:])

        def do() -> None:
            if damage in ("gone", "garbage"):
                path.unlink()
                if damage == "garbage":
                    path.write_bytes(b"garbage")
                return
            changed = text[: len(text) // 2] if damage == "torn" else text.replace("lr: 0.2", "lr: 0.3")
            sealed = changed.encode() + b"\n"
            if damage == "sealed anew":  # by somebody who was force-fetched: whole, and not what was launched here
                sealed = seal(sealed.partition(b"\n")[2])
            git("update-ref", ref, git("hash-object", "-w", "--stdin", stdin=sealed))

        self.puts_back(git, reprun, original, original, do)

    def test_without_its_ref_the_history_does_not_know_the_run(self, git: Run, reprun: Reprun, original: str) -> None:
        git("update-ref", "-d", f"refs/reprun/manifests/{original}")
        assert reprun("show", original).rc == 6

    def test_both_copies(self, git: Run, reprun: Reprun, original: str) -> None:
        path = Path(show(reprun, original)["run_dir"], "manifest.toml")
        text = path.read_text().replace("base", "Base")
        path.write_text(text)
        blob = git("hash-object", "-w", "--stdin", stdin=text.encode())
        git("update-ref", f"refs/reprun/manifests/{original}", blob)
        self.refuses(reprun, original, "seal", original)
        doctor = reprun("doctor", "--mend")
        assert doctor.rc == 3 and original in doctor.stdout and path.read_text() == text

    def test_a_tree_that_is_not_the_commit_s(self, git: Run, reprun: Reprun, original: str) -> None:
        text = git("cat-file", "blob", f"refs/reprun/manifests/{original}").encode() + b"\n"
        other = text.replace(git("rev-parse", f"refs/reprun/runs/{original}^{{tree}}").encode(), b"4" * 40)
        new = original[:-1] + ("z" if original[-1] != "z" else "y")
        sealed = seal(other.partition(b"\n")[2].replace(original.encode(), new.encode()))
        git("update-ref", f"refs/reprun/manifests/{new}", git("hash-object", "-w", "--stdin", stdin=sealed))
        answer = reprun("reproduce", "--yes", new)
        assert answer.rc == 6 and "tree" in answer.stderr

    def test_a_commit_that_is_gone(self, repo: Path, git: Run, reprun: Reprun, original: str) -> None:
        self._remove(repo, git("rev-parse", f"refs/reprun/runs/{original}"))
        self.refuses(reprun, original, "commit", "git fetch")

    def _remove(self, repo: Path, object_id: str) -> None:
        Path(repo, ".git", "objects", object_id[:2], object_id[2:]).unlink()
