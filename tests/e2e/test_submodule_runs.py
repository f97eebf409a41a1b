"""The job gets submodules as they were at the launch, and so does whoever reproduces it, with nothing but the refs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, run, show
from lab import Run

pytestmark = pytest.mark.e2e
JOB = ("python", "-c", "import os; open(os.environ['REPRUN_OUTPUT'] + '/o', 'w').write(open('lib/code.py').read())")


@pytest.fixture
def lib(repo: Path, git: Run, tmp_path: Path) -> Path:
    """A submodule with an edit and a new file."""
    source = tmp_path / "lib"
    source.mkdir()
    (source / "code.py").write_text("committed\n")
    (source / "data.txt").write_text("data\n")
    git("init", "-q", cwd=source)
    git("add", "--all", cwd=source)
    git("commit", "-qm", "lib", cwd=source)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), "lib")
    git("commit", "-qm", "with lib")
    (repo / "lib" / "code.py").write_text("edited\n")
    (repo / "lib" / "new.py").write_text("new\n")
    return repo / "lib"


def files_of(top: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and path.relative_to(top).parts[0] != ".git" and path.name != ".git"
    }


def output(data: dict[str, object]) -> str:
    return Path(str(data["run_dir"]), "output", "o").read_text()


def test_the_job_sees_the_submodule_as_it_is(repo: Path, lib: Path, git: Run, reprun: Reprun) -> None:
    seen = files_of(repo)
    before = git("status", "--porcelain", "--ignore-submodules=none"), git("status", "--porcelain", cwd=lib)
    data = run(reprun, "--", *JOB)
    assert output(data) == "edited\n"
    assert files_of(Path(data["worktree"])) == seen
    assert (git("status", "--porcelain", "--ignore-submodules=none"), git("status", "--porcelain", cwd=lib)) == before
    code = show(reprun, data["run_id"])["manifest"]["code"]
    assert code["submodules"] == [{"path": "lib", "commit": git("rev-parse", "HEAD", cwd=lib), "dirty": True}]
    assert (code["dirty"], code["changed"], code["added"]) == (True, 1, 1)
    assert f"lib  {git('rev-parse', 'HEAD', cwd=lib)}  with changes" in reprun("show", data["run_id"]).stdout


def test_it_is_reproduced_when_the_submodule_is_gone(repo: Path, lib: Path, git: Run, reprun: Reprun) -> None:
    data = run(reprun, "--", *JOB)
    git("submodule", "--quiet", "deinit", "--force", "--all")
    shutil.rmtree(repo / ".git" / "modules")
    git("gc", "-q", "--prune=now")
    git("fsck", "--full", "--strict")
    answer = reprun("reproduce", "--json", data["run_id"])
    assert answer.data["verdict"]["kind"] == "identical"


def test_it_is_reproduced_when_the_submodule_has_moved_on(repo: Path, lib: Path, git: Run, reprun: Reprun) -> None:
    data = run(reprun, "--", *JOB)
    git("commit", "-qam", "moved on", cwd=lib)
    (lib / "code.py").write_text("another\n")
    assert reprun("reproduce", "--json", data["run_id"]).data["verdict"]["kind"] == "identical"
    later = run(reprun, "--", *JOB)
    assert output(later) == "another\n"
    found = reprun("diff", "--json", data["run_id"], later["run_id"]).data
    names = {row["name"]: (row["old"], row["new"]) for row in found["differences"] if row["area"] == "code"}
    old, new = names["submodule lib"]
    assert (
        old == git("rev-parse", "HEAD~1", cwd=lib) + " with changes"
        and new == git("rev-parse", "HEAD", cwd=lib) + " with changes"
    )
    assert ("M", "lib/code.py") in [(item["kind"], item["path"]) for item in found["files"]]


def test_a_colleague_without_the_submodule_reproduces_it(
    repo: Path, lib: Path, git: Run, reprun: Reprun, home: Path, tmp_path: Path
) -> None:
    run_id = run(reprun, "--", *JOB)["run_id"]
    git("init", "-q", "--bare", str(tmp_path / "origin.git"))
    git("push", "-q", str(tmp_path / "origin.git"), "main", "refs/reprun/*")
    git("clone", "-q", "--no-local", str(tmp_path / "origin.git"), str(tmp_path / "clone"))
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=tmp_path / "clone")
    (tmp_path / "lib").rename(tmp_path / "not there")
    theirs = {"REPRUN_HOME": str(home / "theirs")}
    try:
        answer = reprun("reproduce", "--json", "--yes", run_id, cwd=tmp_path / "clone", env=theirs)
        assert answer.data["verdict"]["kind"] == "identical"
    finally:
        subprocess.run(["tmux", "-S", str(home / "theirs" / "tmux.sock"), "kill-server"], capture_output=True, check=False)


def test_a_clean_submodule_is_no_dirty_tree(repo: Path, lib: Path, git: Run, reprun: Reprun) -> None:
    git("checkout", "-q", ".", cwd=lib)
    (lib / "new.py").unlink()
    (repo / "reprun.toml").write_text("require_clean = true\n")
    git("add", "--all")
    git("commit", "-qm", "clean")
    data = run(reprun, "--", *JOB)
    assert output(data) == "committed\n" and not show(reprun, data["run_id"])["manifest"]["code"]["dirty"]
    assert "lib at " in reprun("snapshot", "--explain").stdout
    (lib / "code.py").write_text("edited\n")
    refused = reprun("launch", "--", "true")
    assert refused.rc == 3 and "lib/code.py" in refused.stderr and "hint: " in refused.stderr
