"""Private by default: what reprun writes is this user's alone, without secrets, whatever the umask and the environment say."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, files_with, run, says_nicely, show
from lab import REPRUN, Run, give_away

pytestmark = pytest.mark.e2e
TOKEN = "hunter2hunter2"


def below(folder: Path, depth: int) -> list[Path]:
    """Everything below a folder, so many levels deep, links left out."""
    found = [path for path in folder.iterdir() if not path.is_symlink()]
    return found + [more for path in found if path.is_dir() and depth > 1 for more in below(path, depth - 1)]


def test_folders_are_0700_and_files_0600_with_any_umask(repo: Path, home: Path, reprun: Reprun) -> None:
    """A folder deeper than this (the tree, git's own) lies behind one of these, and looks as the job or git wants it."""
    home.rmdir()
    (repo / "reprun.toml").write_text('writable = ["out"]\n')
    words = f"umask 000; {REPRUN} launch --config conf/base.yaml -- sh -c 'echo x > $REPRUN_OUTPUT/o' && {REPRUN} wait @last"
    subprocess.run(["sh", "-c", words], check=True, capture_output=True)
    assert reprun("reproduce", "@last").rc == 0
    folders = [home, *below(home, 2), *(path for path in below(home / "runs", 2))]
    state = repo / ".git" / "reprun"
    seen = 0
    for path in [*folders, state, *below(state, 3)]:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not stat.S_ISSOCK(path.stat().st_mode):
            assert mode & 0o077 == 0, (path, oct(mode))
            seen += 1
    assert seen > 30


def test_secrets_are_passed_on_and_never_written_down(repo: Path, home: Path, git: Run, reprun: Reprun) -> None:
    secrets = {
        "WANDB_API_KEY": TOKEN,
        "DB_PASSWORD": TOKEN,
        "GITHUB_TOKEN": TOKEN,
        "AWS_SECRET_ACCESS_KEY": TOKEN,
        "MY_PLAIN": TOKEN,
    }
    (repo / "reprun.toml").write_text('pass_env = ["*"]\n[env]\nSERVICE_TOKEN = "from-the-config"\n')
    script = repo / "job.sh"
    script.write_text(f'test "$(echo "$WANDB_API_KEY$MY_PLAIN" | rev)" = {TOKEN[::-1] * 2}\n')
    data = run(reprun, "--", "sh", "job.sh", env=secrets)
    assert reprun("wait", data["run_id"]).rc == 0
    manifest = show(reprun, data["run_id"])["manifest"]
    assert {*secrets, "SERVICE_TOKEN"} <= set(manifest["variables"]["secret"])
    assert files_with(TOKEN.encode(), home, repo / ".git" / "reprun") == []
    assert TOKEN not in reprun("show", "--json", data["run_id"]).stdout
    assert TOKEN not in git("cat-file", "blob", f"refs/reprun/manifests/{data['run_id']}")
    assert TOKEN not in git("cat-file", "blob", f"refs/reprun/outcomes/{data['run_id']}")


def test_the_url_of_a_remote_is_recorded_nowhere(repo: Path, home: Path, git: Run, reprun: Reprun) -> None:
    git("remote", "add", "origin", f"https://user:{TOKEN}@example.org/x.git")
    git("config", "http.extraHeader", f"Authorization: {TOKEN}")
    data = run(reprun, "--", "sh", "-c", "git remote -v; git config --list")
    assert TOKEN not in reprun("logs", data["run_id"]).stdout + reprun("show", "--json", data["run_id"]).stdout
    assert files_with(TOKEN.encode(), home, repo / ".git" / "reprun") == []


def test_a_home_that_everybody_can_write_to_is_refused(repo: Path, home: Path, reprun: Reprun) -> None:
    home.chmod(0o777)
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and says_nicely(answer) and f"chmod go-w {home}" in answer.stderr
    assert list(home.iterdir()) == [] and reprun("ls", "--json").data == []
    home.chmod(0o1777)  # like /tmp
    assert reprun("launch", "--", "true").rc == 0


@pytest.mark.needs("chown")
@pytest.mark.parametrize("place", ["", "runs", "repos", "worktrees", "cache", "link"])
def test_a_home_in_which_somebody_else_was_first_is_refused(repo: Path, home: Path, reprun: Reprun, place: str) -> None:
    home.chmod(0o1777)
    trap = home / "runs" if place == "link" else home / place
    trap.mkdir(exist_ok=True) if place != "link" else trap.symlink_to("/var")
    give_away(trap)
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and "another user" in answer.stderr, answer
    give_away(trap, os.geteuid())


def test_no_name_in_a_shared_temporary_folder_can_be_foreseen(
    repo: Path, home: Path, reprun: Reprun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left in TMPDIR by a launch, and what is there under a likely name is neither used nor followed."""
    shared = tmp_path / "shared"
    shared.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    for name in ("reprun", "reprun.sock", "reprun.log", "reprun-report.txt", f"reprun-{os.getuid()}", "tmux.sock", "index"):
        (shared / name).symlink_to(victim)
    before = sorted(os.listdir(shared))
    monkeypatch.setenv("TMPDIR", str(shared))
    run(reprun, "--", "true")
    assert reprun("doctor").rc == 0 and reprun("gc", "--yes", "--keep", "0").rc == 0
    assert victim.read_text() == "untouched" and sorted(os.listdir(shared)) == before
