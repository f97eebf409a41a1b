"""What is done when a run elsewhere is seen to be over: its outcome is kept here, and what the settings name is brought."""

from __future__ import annotations

from pathlib import Path

import pytest
from away_lab import know
from e2e_lab import Reprun, launch, run, show
from lab import Run, until
from ssh_lab import SshHost

pytestmark = pytest.mark.e2e

AUTO = '[results]\nauto_pull = ["*.json"]\nauto_pull_max = "1 KiB"\n'
JOB = ("sh", "-c", "echo 1 > {output}/a.json; echo 2 > {output}/b; head -c 5000 /dev/zero > {output}/large.json; exit 3")


@pytest.fixture
def far(repo: Path, home: Path, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host, AUTO)
    return ssh_host.meet()


def _over(reprun: Reprun) -> str:
    """A run that has ended without anybody here having seen it."""
    data = launch(reprun, "--on", "gpu1", "--", *JOB)
    until(lambda: Path(data["run_dir"], "outcome.json").exists() or None)
    return str(data["run_id"])


@pytest.mark.parametrize("words", [("wait",), ("logs", "-f"), ("show",)], ids=lambda words: words[0])
def test_it_is_brought_when_it_is_seen(far: SshHost, home: Path, reprun: Reprun, words: tuple[str, ...]) -> None:
    run_id = _over(reprun)
    answer = reprun(*words, run_id)
    folder = home / "pulled" / run_id
    assert (folder / "output" / "a.json").read_text() == "1\n" and (folder / "outcome.json").is_file()
    assert sorted(path.name for path in (folder / "output").iterdir()) == ["a.json"]
    assert answer.stderr.count("brought") == 1 and f"reprun pull {run_id}" in answer.stderr  # for the large one
    assert answer.rc == (3 if words == ("wait",) else 0)


def test_it_is_brought_once(far: SshHost, home: Path, reprun: Reprun) -> None:
    run_id = run(reprun, "--on", "gpu1", "--", *JOB)["run_id"]
    path = home / "pulled" / run_id / "output" / "a.json"
    path.unlink()
    assert "brought" not in reprun("show", run_id).stderr and not path.exists()
    assert reprun("pull", run_id).rc == 0 and path.exists()


def test_status_brings_it_too(far: SshHost, home: Path, reprun: Reprun) -> None:
    run_id = _over(reprun)
    assert "brought" in reprun("status").stderr and (home / "pulled" / run_id / "output" / "a.json").exists()


def test_failing_to_bring_it_is_said_and_harms_nothing(far: SshHost, home: Path, reprun: Reprun) -> None:
    run_id = _over(reprun)
    (home / "pulled").write_text("in the way")
    answer = reprun("wait", run_id)
    assert answer.rc == 3 and "could not be brought" in answer.stderr and f"reprun pull {run_id}" in answer.stderr
    (home / "pulled").unlink()
    assert "brought" in reprun("show", run_id).stderr  # it is tried again


def test_the_outcome_is_kept_here(far: SshHost, git: Run, reprun: Reprun) -> None:
    data = run(reprun, "--on", "gpu1", "--", *JOB)
    kept = git("cat-file", "blob", f"refs/reprun/outcomes/{data['run_id']}")
    assert kept == Path(data["run_dir"], "outcome.json").read_text().rstrip("\n")
    far.power_cut()
    assert reprun("ls", "--json").data[0]["state_words"] == "failed 3"
    assert reprun("ls", "--state", "failed", "--json").data[0]["run_id"] == data["run_id"]


def test_nothing_is_brought_from_this_machine(far: SshHost, home: Path, reprun: Reprun) -> None:
    run_id = run(reprun, "--", "sh", "-c", "echo 1 > {output}/a.json")["run_id"]
    assert show(reprun, run_id)["state"] == "finished" and not (home / "pulled").exists()
