"""Preflight as a user meets it: what would fail is refused and leaves nothing, what is doubtful is said, here and far away."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, says_nicely, wait
from far_lab import Far, open_far
from lab import Run

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux"), pytest.mark.timeout(300)]
SETTINGS = """
data = [{ path = "conf/base.yaml", size = 1 }, { path = "conf/nothere.csv" }]
[preflight]
readable = ["nowhere"]
variables = ["REQUIRED"]
[preflight.programs]
git = ">=99"
"""


def left(repo: Path, home: Path) -> list[str]:
    """What there is of runs: refs, journals, folders."""
    words = ["git", "for-each-ref", "--format=%(refname)", "refs/reprun"]
    refs = subprocess.run(words, cwd=repo, capture_output=True, text=True, check=True)
    journals = [path.name for path in (repo / ".git" / "reprun" / "journal").rglob("*.jsonl")]
    return [*refs.stdout.split(), *journals, *(path.name for path in (home / "runs").glob("*"))]


def test_what_would_fail_is_refused_all_at_once(repo: Path, home: Path, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text(SETTINGS)
    (repo / "train.py").write_text("import helper\nimport nothere\n")
    (repo / "helper.py").write_text("def f(:\n")
    answer = reprun("launch", "--", "python3", "train.py")
    assert answer.rc == 3 and says_nicely(answer) and not answer.stdout
    for line in (
        "imports: helper.py:1 has a syntax error", "imports: there is no module nothere (train.py:2)", "-m pip install nothere",
        "data: the data conf/base.yaml is not the declared one: its size in bytes is 17, not 1",
        "data: the data conf/nothere.csv is not there", "variables: the job has no variable",
        "places: nowhere, which must be readable, is not there", "programs: git is of version",
            "7 things are wrong, nothing was started",
    ):  # fmt: skip
        assert line in answer.stderr, answer.stderr
    assert left(repo, home) == []


def test_what_is_only_doubtful_is_said_and_recorded(repo: Path, reprun: Reprun) -> None:
    (repo / "tests" / "preflight").mkdir(parents=True)
    (repo / "tests" / "preflight" / "test_it.py").write_text("def test_a(): pass\n")
    (repo / "reprun.toml").write_text('[preflight]\ntests = ["tests/preflight"]\n')
    (repo / "train.py").write_text("import random\ndef plot():\n    import nothere\nprint(random.random())\n")
    answer = reprun("launch", "--json", "--", "python3", "train.py")
    assert "note: seeds: random is used and not seeded, first in train.py:4" in answer.stderr
    assert "note: imports: there is no module nothere (train.py:3)" in answer.stderr
    assert wait(reprun, answer.data["run_id"])["state"] == "finished"
    manifest = tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text())
    assert {"imports", "seeds", "tests"} <= set(manifest["run"]["preflight"])
    assert len(manifest["preflight"]["warnings"]) == 2 and len(manifest["preflight"]["reports"]) == 2
    folder = Path(answer.data["run_dir"], "preflight")
    assert {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == manifest["preflight"]["reports"]


def test_with_the_level_off_everything_is_started(repo: Path, reprun: Reprun) -> None:
    (repo / "train.py").write_text("import nothere\n")
    assert reprun("launch", "--", "python3", "train.py").rc == 3
    data = reprun("launch", "--preflight", "off", "--json", "--", "python3", "train.py").data
    assert wait(reprun, data["run_id"])["state"] == "failed"
    manifest = tomllib.loads(Path(data["run_dir"], "manifest.toml").read_text())
    assert manifest["preflight"] == {"level": "off"} and manifest["run"]["preflight"] == []
    assert says_nicely(wrong := reprun("launch", "--preflight", "loud", "--", "true")) and wrong.rc == 2


def test_preflight_alone_tells_and_leaves_nothing(repo: Path, home: Path, git: Run, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text('auto_commit = "branch"\n')
    (repo / "train.py").write_text("import json\nimport random\nrandom.seed(1)\n")
    before = git("rev-parse", "HEAD"), git("status", "--porcelain")
    first = reprun("preflight", "--json", "--", "python3", "train.py").data
    assert first["cleared"] and [name for name, _ in first["imports"]] == ["json", "random"]
    assert {check["check"]: check["status"] for check in first["checks"]}["imports"] == "ok"
    assert (git("rev-parse", "HEAD"), git("status", "--porcelain")) == before and left(repo, home) == []
    answer = reprun("preflight", "--", "python3", "train.py")
    assert answer.rc == 0 and "as seen before" in answer.stdout
    (repo / "train.py").write_text("import nothere\n")
    answer = reprun("preflight", "--level", "full", "--json", "--", "python3", "train.py")
    assert answer.rc == 3 and answer.json["data"]["findings"][0]["hint"] and left(repo, home) == []
    assert "FAIL  imports" in reprun("preflight", "--", "python3", "train.py").stdout


def test_what_looks_at_a_run_may_not_change_it(repo: Path, home: Path, reprun: Reprun) -> None:
    """Nor is a pipe read as data: that would wait for ever."""
    (repo / "train.py").write_text("import os\nassert os.path.exists('train.py') and not os.path.exists('new')\n")
    (repo / "preflight").mkdir()
    (repo / "preflight" / "a.py").write_text("import os\nos.chmod('.', 0o755)\nopen('new', 'w').close()\n")
    answer = reprun("launch", "--", "python3", "train.py")
    assert answer.rc == 3 and says_nicely(answer) and "has written into the worktree: new" in answer.stderr, answer
    assert left(repo, home) == []
    (repo / "preflight" / "a.py").write_text("")
    os.mkfifo(repo.parent / "pipe")
    (repo / "reprun.toml").write_text(f'data = [{{ path = "{repo.parent}/pipe" }}]\n')
    answer = reprun("preflight", "--", "python3", "train.py")
    assert answer.rc == 3 and "FAIL  data" in answer.stdout and "neither a file nor a folder" in answer.stdout, answer
    (repo / "reprun.toml").unlink()
    assert wait(reprun, reprun("launch", "--json", "--", "python3", "train.py").data["run_id"])["state"] == "finished"


@pytest.mark.parametrize(
    "text",
    [
        "[preflight]\nports = [70000]\n", "[preflight]\nlevel = 'loud'\n", "[preflight]\nprot = [1]\n",
        "data = [{ path = 'a', sha256 = 'x' }]\n",
        "[preflight.programs]\ngit = 'new'\n", "[preflight]\nwritable = [{ free = '1 GB' }]\n", "[preflight]\ntests = ['../x']\n",
        "data = [{ path = 'a', mtime = 'old' }]\n",
    ],
)  # fmt: skip
def test_settings_that_are_wrong(repo: Path, reprun: Reprun, text: str) -> None:
    (repo / "reprun.toml").write_text(text)
    answer = reprun("preflight", "--", "true")
    assert answer.rc == 2 and "reprun.toml" in answer.stderr and "Traceback" not in answer.stderr


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with open_far() as far:
        far.describe(timeout=60)
        yield far


JOB = ("python3", "train.py")


def journal(far: Far, run_id: str) -> list[str]:
    (found,) = (far.repo / ".git" / "reprun" / "journal").rglob(f"{run_id}.jsonl")
    return [json.loads(line)["step"] for line in found.read_text().splitlines()]


@pytest.mark.needs("sshd")
def test_far_away_a_job_that_was_looked_at_before_is_still_sent_ahead(far: Far) -> None:
    """So preflight takes no round trip of its own."""
    (far.repo / "train.py").write_text("import json\nimport random\nrandom.random()\n")
    data: list[dict[str, Any]] = [far.launch(*JOB).data for _ in range(2)]
    assert "ahead" not in journal(far, data[0]["run_id"])
    assert journal(far, data[1]["run_id"])[-2:] == ["ahead", "submit"]
    manifests = [far.call("show", "--json", one["run_id"]).data["manifest"] for one in data]
    for manifest in manifests:
        assert "imports" in manifest["run"]["preflight"] and len(manifest["preflight"]["warnings"]) == 1


@pytest.mark.needs("sshd")
def test_far_away_what_would_fail_is_refused(far: Far) -> None:
    """Also where a start was sent ahead, since all was well the last time."""
    (far.repo / "train.py").write_text("import json\n")
    far.launch(*JOB).data  # noqa: B018  # fails the test where that fails
    (far.repo / "train.py").write_text("import json, nothere\n")
    answer = far.launch(*JOB)
    assert answer.rc == 3 and answer.json["error"]["message"] == "there is no module nothere (train.py:1)", answer
    answer = far.call("preflight", "--on", far.name, "--json", "--", *JOB)
    assert answer.rc == 3 and {check["check"] for check in answer.json["data"]["checks"]} >= {"imports", "clock"}
    runs = {path.name for path in (far.host.home / ".local/share/reprun/runs").iterdir()}
    known = {row["run_id"] for row in far.call("ls", "--json").data}
    assert runs == known
