"""Runs with the Python that is there: it is captured, and what differs is said package by package."""

from __future__ import annotations

import os
import shutil
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path

from lab import Answer, Run


def install(site: Path, files: str, commit: str) -> None:
    """What pip leaves of a package from git, installed by somebody who gave a password."""
    info = site / "dial-1.0.dist-info"
    shutil.rmtree(info, ignore_errors=True)
    info.mkdir()
    (info / "RECORD").write_text(
        f"dial.py,sha256={files},3\n../../../bin/dial,sha256={commit},1\ndial.pyc,,\n{info.name}/RECORD,,\n"
    )
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dial\nVersion: 1.0\n")
    direct = f'{{"url": "https://me:secret@host/dial", "vcs_info": {{"vcs": "git", "commit_id": "{commit}"}}}}'
    (info / "direct_url.json").write_text(direct if commit else "{}")


def test_the_same_version_of_another_commit_is_a_difference(
    repo: Path, home: Path, reprun: Callable[..., Answer], git: Run, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", symlinks=True, with_pip=False)
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    env = {"PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}"}
    runs, tables = [], []
    for files, commit in (("one", "c1"), ("one", "c2"), ("two", "")):
        install(site, files, commit)
        answer = reprun("launch", "--follow", "--json", "--", "python", "-c", "print(1)", env=env)
        runs.append(answer.data["run_id"])
        tables.append(tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text())["environment"])
    assert tables[0]["packages"] == ["dial==1.0"] and (tables[0]["kind"], tables[0]["strength"]) == ("system", "weak")
    text = git("cat-file", "blob", f"refs/reprun/locks/{tables[0]['capture']}")
    assert '"git+https://host/dial@c1"' in text and "secret" not in text
    assert reprun("launch", "--", "python", "-m", "no_such_module", env=env).rc == 3
    gone = reprun("launch", "--json", "--", "no-such-program", env={"PATH": os.environ["PATH"]})
    assert gone.rc == 3
    assert reprun("gc", "--yes").rc == 0
    kept = git("for-each-ref", "--format=%(refname)", "refs/reprun/locks").split()
    assert kept == sorted(f"refs/reprun/locks/{table['capture']}" for table in tables), "those of runs, and no others"
    rows = reprun("diff", runs[0], runs[1], "--json").data["differences"]
    found = {(row["area"], row["name"]): (row["old"], row["new"]) for row in rows}
    assert found["packages", "dial"] == ("1.0 (git+https://host/dial@c1)", "1.0 (git+https://host/dial@c2)")
    answer = reprun("reproduce", runs[0], "--json", env=env)
    reasons = answer.json["data"]["verdict"]["reasons"]
    assert "warning: the environment is not locked, only recorded: nobody can make it again" in reasons
    assert any("dial 1.0 (git+https://host/dial@c1) → 1.0 (an index)" in reason for reason in reasons), reasons


def test_a_project_that_is_installed_editable_is_taken_from_the_snapshot_or_it_is_said(
    repo: Path, home: Path, reprun: Callable[..., Answer], tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", symlinks=True, with_pip=False)
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    (site / "demo-1.dist-info").mkdir()
    (site / "demo-1.dist-info" / "direct_url.json").write_text(f'{{"url": "{repo.as_uri()}", "dir_info": {{"editable": true}}}}')
    (site / "demo.pth").write_text(f"{repo}\n")
    (repo / "demo.py").write_text("print(__file__)\n")
    (repo / "job").mkdir()
    (repo / "job" / "train.py").write_text("import demo\n")
    env = {"PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}"}
    words = ("launch", "--follow", "--", "python", "job/train.py")
    answer = reprun(*words, env=env)
    assert "demo is installed editable from the dev tree" in answer.stderr and f"{repo}/demo.py" in answer.stdout + answer.stderr
    (repo / "reprun.toml").write_text('[environment]\nproject = "path"\n')
    answer = reprun(*words, env=env)
    said = answer.stdout + answer.stderr
    assert "editable" not in said and f"{repo}/demo.py" not in said and f"{home}/worktrees/" in said
