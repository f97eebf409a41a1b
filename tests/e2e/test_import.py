"""`reprun import`: the runs on a host explain themselves, also when the machine that launched them is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from away_lab import know
from e2e_lab import Reprun, launch, run, wait
from hiding import hide
from lab import Answer, Run, until
from ssh_lab import SshHost

pytestmark = [pytest.mark.e2e, pytest.mark.needs("hiding")]


@pytest.fixture
def far(repo: Path, home: Path, tmp_path: Path, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host)
    return hide(ssh_host.meet(), tmp_path)  # it does not see the disk of the machines that launch


@pytest.fixture
def laptop(far: SshHost, repo: Path, tmp_path: Path, home: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: a fresh clone of what was pushed, with an empty REPRUN_HOME."""
    git("add", "-A")
    git("commit", "-qm", "pushed")
    git("clone", "-q", str(repo), str(tmp_path / "laptop"))
    return tmp_path / "laptop"


def _there(reprun: Reprun, laptop: Path, home: Path, *words: str) -> Answer:
    return reprun(*words, cwd=laptop, env={"REPRUN_HOME": str(home / "other")})


def test_all_of_a_lost_machine(far: SshHost, repo: Path, laptop: Path, home: Path, git: Run, reprun: Reprun) -> None:
    (repo / "train.py").write_text("import os; open(os.environ['REPRUN_OUTPUT'] + '/a.json', 'w').write('1'); print('ran')\n")
    first = run(reprun, "--on", "gpu1", "--name", "first", "--seed", "7", "--", "python3", "train.py")
    second = run(reprun, "--on", "gpu1", "--", "sh", "-c", "exit 3")
    shutil.rmtree(repo)
    shutil.rmtree(home / "cache", ignore_errors=True)

    def there(*words: str) -> Answer:
        return _there(reprun, laptop, home, *words)

    found = {item["run_id"]: item for item in there("import", "--from", "gpu1", "--json").data}
    assert set(found) == {first["run_id"], second["run_id"]}
    assert found[first["run_id"]]["name"] == "first" and found[first["run_id"]]["command"] == "python3 train.py"
    assert all(item["ours"] and not item["known"] and not item["problem"] for item in found.values()), found
    assert there("ls", "--json").data == []  # a look changes nothing
    assert {item["run_id"] for item in there("import", "--from", "gpu1", "--all", "--json").data} == set(found)
    assert [item["state_words"] for item in there("ls", "--json").data] == ["failed 3", "finished 0"]
    assert git("rev-parse", f"refs/reprun/runs/{first['run_id']}", cwd=laptop) == first["commit"]
    assert "ran" not in git("show", "HEAD:train.py", cwd=laptop) and "ran" in git(
        "show", f"{first['commit']}:train.py", cwd=laptop
    )
    git("fsck", "--strict", cwd=laptop)
    assert git("status", "--porcelain", cwd=laptop) == ""
    assert there("logs", first["run_id"]).stdout == "ran\n"
    there("pull", first["run_id"])
    assert (home / "other" / "pulled" / first["run_id"] / "output" / "a.json").read_text() == "1"
    assert there("show", "--json", first["run_id"]).data["manifest"]["seeds"]["root"] == 7
    refused = there("reproduce", first["run_id"])
    assert refused.rc == 3 and "--yes" in refused.stderr  # it says that it is ours; so could anybody's
    assert there("reproduce", first["run_id"], "--yes", "--json").data["verdict"]["kind"] == "identical"
    assert all(item["known"] for item in there("import", "--from", "gpu1", "--json").data)
    assert there("import", "--from", "gpu1", "--all", "--json").data == []


def test_a_run_that_goes_on_is_watched_and_stopped(
    far: SshHost, laptop: Path, home: Path, tmp_path: Path, reprun: Reprun
) -> None:
    data = launch(reprun, "--on", "gpu1", "--", "sh", "-c", "echo up; exec sleep 1000")
    until(lambda: "up" in reprun("logs", data["run_id"]).stdout or None)
    assert _there(reprun, laptop, home, "import", "--from", "gpu1", data["run_id"]).rc == 0
    assert _there(reprun, laptop, home, "status", "--json").data[0]["state"] == "running"
    assert _there(reprun, laptop, home, "logs", data["run_id"]).stdout == "up\n"
    assert _there(reprun, laptop, home, "stop", "--json", data["run_id"]).data["state"] == "stopped"
    assert wait(reprun, data["run_id"])["state"] == "stopped"  # the first machine sees it, too


def test_runs_of_another_repository_come_by_name_only(far: SshHost, home: Path, tmp_path: Path, git: Run, reprun: Reprun) -> None:
    data = run(reprun, "--on", "gpu1", "--", "true")
    other = tmp_path / "other"
    other.mkdir()
    git("init", "-q", cwd=other)
    know(other, far)
    found = _there(reprun, other, home, "import", "--from", "gpu1", "--json").data
    assert [(item["run_id"], item["ours"]) for item in found] == [(data["run_id"], False)]
    assert _there(reprun, other, home, "import", "--from", "gpu1", "--all", "--json").data == []
    assert _there(reprun, other, home, "import", "--from", "gpu1", data["run_id"]).rc == 0
    assert git("rev-parse", f"refs/reprun/runs/{data['run_id']}", cwd=other) == data["commit"]
    assert _there(reprun, other, home, "logs", data["run_id"]).rc == 0


def test_what_is_damaged_holds_up_nothing_else(far: SshHost, laptop: Path, home: Path, reprun: Reprun) -> None:
    good, bad, unsealed = (run(reprun, "--on", "gpu1", "--", "true") for _ in range(3))
    Path(bad["run_dir"], "manifest.toml").write_text("nonsense")
    path = Path(unsealed["run_dir"], "manifest.toml")
    path.write_text(path.read_text().replace('argv = [\n    "true",', 'argv = [\n    "false",'))
    assert "false" in path.read_text()
    answer = _there(reprun, laptop, home, "import", "--from", "gpu1", "--all", "--json")
    found = {item["run_id"]: item["problem"] for item in answer.json["data"]}
    assert answer.rc == 5 and found[good["run_id"]] == "" and "seal" in found[unsealed["run_id"]]
    assert [item["run_id"] for item in _there(reprun, laptop, home, "ls", "--json").data] == [good["run_id"]]
    listed = {item["run_id"]: item for item in _there(reprun, laptop, home, "import", "--from", "gpu1", "--json").data}
    assert "manifest" in listed[bad["run_id"]]["problem"]


def test_code_that_the_host_has_lost(far: SshHost, repo: Path, laptop: Path, home: Path, reprun: Reprun) -> None:
    (repo / "new.py").write_text("1\n")
    data = run(reprun, "--on", "gpu1", "--", "true")
    for store in (far.home / ".local/share/reprun/repos").iterdir():
        shutil.rmtree(store)
    answer = _there(reprun, laptop, home, "import", "--from", "gpu1", data["run_id"], "--json")
    assert answer.rc == 5 and "commit" in answer.json["data"][0]["problem"]
    assert _there(reprun, laptop, home, "ls", "--json").data == []


@pytest.mark.parametrize(
    ("words", "code"),
    [((), 2), (("--from", "gpu2"), 2), (("--from", "gpu1", "nobody"), 6), (("--from", "gpu1", "--all"), 0)],
)
def test_words_that_mean_nothing(far: SshHost, reprun: Reprun, words: tuple[str, ...], code: int) -> None:
    answer = reprun("import", *words)
    assert answer.rc == code and ("hint:" in answer.stderr or code == 0)
