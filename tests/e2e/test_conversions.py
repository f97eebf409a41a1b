"""What the job sees is, byte for byte, what the person sees, whatever git converts; else the launch is refused with the path."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from conversions_lab import LOOK, age, check_exact, check_out_anew, check_refused, commit, files, seen
from e2e_lab import Reprun, run, show
from lab import Run

UNIX = b"one\ntwo\nthree\n"
WINDOWS = b"one\r\ntwo\r\nthree\r\n"
MIXED = b"one\r\ntwo\nthree\r\n"
UPPER = "import sys; sys.stdout.write(sys.stdin.read().upper())"
LOWER = "import sys; sys.stdout.write(sys.stdin.read().lower())"


@pytest.fixture
def mine(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's `~/.gitconfig`, which reprun's own git reads too."""
    path = private_home / ".gitconfig"
    path.write_text("[user]\n\tname = Tester\n\temail = tester@localhost\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))
    return path


def python(program: str) -> str:
    """A filter's command."""
    return shlex.join([sys.executable, "-c", program])


def test_files_as_git_checks_them_out_with_autocrlf(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "core.autocrlf", "true")
    (repo / "notes.txt").write_bytes(UNIX)
    (repo / "blob.bin").write_bytes(b"\0\n\r\n" * 50)
    commit(git)
    check_out_anew(git, repo)
    assert (repo / "notes.txt").read_bytes() == WINDOWS
    assert check_exact(reprun, repo) == {"autocrlf": "true"}


def test_new_and_changed_files_with_autocrlf(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "notes.txt").write_bytes(UNIX)
    commit(git)
    git("config", "core.autocrlf", "true")
    check_out_anew(git, repo)
    (repo / "notes.txt").write_bytes(WINDOWS + b"four\r\n")
    (repo / "new.txt").write_bytes(WINDOWS)
    check_exact(reprun, repo)


def test_the_users_own_setting_counts(mine: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "--global", "core.autocrlf", "true")
    check_out_anew(git, repo)
    (repo / "notes.txt").write_bytes(WINDOWS)
    assert check_exact(reprun, repo) == {"autocrlf": "true"}


def test_a_setting_in_an_included_file_counts(mine: Path, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("[core]\n\tautocrlf\n")  # without a value it is true
    git("config", "--global", "include.path", str(tmp_path / "more"))
    check_out_anew(git, repo)
    assert b"\r\n" in (repo / "train.py").read_bytes()
    check_exact(reprun, repo)


@pytest.mark.parametrize("setting", ["true", "input"])
def test_mixed_line_endings_are_refused(repo: Path, git: Run, reprun: Reprun, setting: str) -> None:
    if setting == "true":
        git("config", "core.autocrlf", "true")
        check_out_anew(git, repo)
    git("config", "core.autocrlf", setting)
    (repo / "mixed file.txt").write_bytes(MIXED)
    check_refused(reprun, repo, "mixed file.txt")


def test_unix_line_endings_are_refused_where_git_writes_others(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "core.autocrlf", "true")
    check_refused(reprun, repo, "train.py", "conf/base.yaml")
    (repo / "reprun.toml").write_bytes(b'[snapshot]\r\nfilters = "committed"\r\n')
    data = run(reprun, *LOOK)
    assert seen(reprun, data["run_id"])["train.py"] == (False, b"print('training')\r\n")
    recorded = show(reprun, data["run_id"])["manifest"]["code"]["conversions"]
    assert recorded == {"autocrlf": "true", "differ": ["conf/base.yaml", "train.py"]}


def test_files_left_over_from_another_setting_are_refused(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "core.autocrlf", "true")
    check_out_anew(git, repo)
    age(git, repo)
    git("config", "--unset", "core.autocrlf")
    assert git("status", "--porcelain") == ""  # git has no reason to look at them again
    check_refused(reprun, repo, "train.py")


def test_autocrlf_input(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "core.autocrlf", "input")
    (repo / "notes.txt").write_bytes(UNIX)
    assert check_exact(reprun, repo) == {"autocrlf": "input"}


def test_attributes_in_the_tree(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text(
        "*.txt text eol=crlf\n*.bat text\n*.id ident\n*.wide text working-tree-encoding=UTF-16LE-BOM eol=crlf\n*.bin binary\n"
    )
    (repo / "notes.txt").write_bytes(WINDOWS)
    (repo / "run.bat").write_bytes(UNIX)
    (repo / "version.id").write_bytes(b"$Id$\n")
    (repo / "wide.wide").write_bytes("eins\r\nzwölf\r\n".encode("utf-16"))
    (repo / "raw.bin").write_bytes(MIXED)
    (repo / "sub").mkdir()
    (repo / "sub" / ".gitattributes").write_text("*.txt -text\n")
    (repo / "sub" / "raw.txt").write_bytes(MIXED)
    commit(git)
    check_out_anew(git, repo)
    assert len((repo / "version.id").read_bytes()) > 40
    assert check_exact(reprun, repo) == {}
    (repo / "notes.txt").write_bytes(b"edited\r\n")
    (repo / "wide.wide").write_bytes("drei\r\n".encode("utf-16"))
    check_exact(reprun, repo)


def test_attributes_that_are_not_committed_yet(repo: Path, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text("*.txt text eol=crlf\n")
    (repo / "notes.txt").write_bytes(WINDOWS)
    check_exact(reprun, repo)


def test_attributes_changed_after_the_files_were_written_are_refused(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text("*.txt text eol=crlf\n")
    (repo / "notes.txt").write_bytes(WINDOWS)
    commit(git)
    age(git, repo)
    check_exact(reprun, repo)
    (repo / ".gitattributes").write_text("# nothing any more\n")
    assert reprun("launch", "--", "true").rc == 3
    (repo / ".gitattributes").unlink()
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and "notes.txt" in answer.stderr


def test_an_edited_file_with_an_old_ident_is_refused(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text("*.id ident\n")
    (repo / "version.id").write_bytes(b"$Id$\n")
    commit(git)
    check_out_anew(git, repo)
    with (repo / "version.id").open("ab") as file:
        file.write(b"more\n")
    check_refused(reprun, repo, "version.id")


def test_attributes_outside_of_the_tree(mine: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".git" / "info" / "attributes").write_text("# mine\n*.txt text eol=crlf\n*.py diff=python\n")
    (mine.parent / ".config" / "git").mkdir(parents=True)
    (mine.parent / ".config" / "git" / "attributes").write_text("*.bat text eol=crlf\n*.txt eol=lf\n")
    (repo / "notes.txt").write_bytes(WINDOWS)
    (repo / "run.bat").write_bytes(WINDOWS)
    record = check_exact(reprun, repo)
    assert record == {"info": "*.txt text eol=crlf\n", "user": "*.bat text eol=crlf\n*.txt eol=lf\n"}
    elsewhere = mine.parent / "attributes"
    elsewhere.write_text("*.bat -text\n")
    git("config", "--global", "core.attributesFile", str(elsewhere))
    (repo / "run.bat").write_bytes(MIXED)
    assert check_exact(reprun, repo)["user"] == "*.bat -text\n"


def test_a_filter_that_gives_back_what_it_took(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "filter.loud=odd.clean", python(LOWER))
    git("config", "filter.loud=odd.smudge", python(UPPER))
    git("config", "filter.loud=odd.required", "true")
    (repo / ".git" / "info" / "attributes").write_text("*.loud filter=loud=odd\n")
    (repo / "a.loud").write_text("HEAR ME\n")
    assert check_exact(reprun, repo)["filters"] == ["loud=odd"]
    (repo / "a.loud").write_text("HEAR ME AGAIN\n")
    (repo / "train.py").write_text("print('another')\n")
    check_exact(reprun, repo)
    again = run(reprun, *LOOK)
    assert seen(reprun, again["run_id"]) == files(repo)


def test_a_filter_that_loses_something_is_refused_then_accepted(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text("*.ipynb filter=strip\n")
    git("config", "filter.strip.clean", "grep -v output")
    git("config", "filter.strip.smudge", "cat")
    (repo / "a.ipynb").write_text("source\noutput\n")
    check_refused(reprun, repo, "a.ipynb")
    (repo / "reprun.toml").write_text('[snapshot]\nfilters = "committed"\n')
    data = run(reprun, *LOOK)
    assert seen(reprun, data["run_id"])["a.ipynb"] == (False, b"source\n")
    assert show(reprun, data["run_id"])["manifest"]["code"]["conversions"] == {"filters": ["strip"], "differ": ["a.ipynb"]}
    (repo / "reprun.toml").unlink()
    (repo / "a.ipynb").write_text("source\n")
    check_exact(reprun, repo)


def test_a_filter_whose_program_changed_gives_no_old_files(repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    program = tmp_path / "smudge"
    program.write_text("#!/bin/sh\nsed s/x/1/\n")
    program.chmod(0o755)
    (repo / ".gitattributes").write_text("*.n filter=n\n")
    git("config", "filter.n.clean", "sed s/[0-9]/x/")
    git("config", "filter.n.smudge", str(program))
    (repo / "a.n").write_text("1\n")
    check_exact(reprun, repo)
    program.write_text("#!/bin/sh\nsed s/x/2/\n")
    (repo / "a.n").write_text("2\n")
    check_exact(reprun, repo)


@pytest.mark.parametrize("option", ["clean", "smudge"])
def test_a_required_filter_that_fails_is_refused(repo: Path, git: Run, reprun: Reprun, option: str) -> None:
    (repo / ".gitattributes").write_text("*.x filter=x\n")
    git("config", "filter.x.clean", "cat")
    git("config", "filter.x.smudge", "cat")
    git("config", "filter.x.required", "true")
    git("config", f"filter.x.{option}", "false")
    (repo / "odd name.x").write_text("x\n")
    check_refused(reprun, repo, "odd name.x", "filter x")


def test_a_reproduction_without_the_filter_is_refused(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text("*.loud filter=loud\n")
    git("config", "filter.loud.clean", python(LOWER))
    git("config", "filter.loud.smudge", python(UPPER))
    (repo / "a.loud").write_text("HEAR ME\n")
    data = run(reprun, *LOOK)
    git("config", "--remove-section", "filter.loud")
    answer = reprun("reproduce", data["run_id"])
    assert answer.rc == 3 and "filter loud" in answer.stderr and "git config filter.loud.smudge" in answer.stderr, answer


def test_one_commit_under_two_settings_is_two_trees(repo: Path, git: Run, reprun: Reprun) -> None:
    plain = run(reprun, *LOOK)
    git("config", "core.autocrlf", "true")
    check_out_anew(git, repo)
    windows = run(reprun, *LOOK)
    assert plain["commit"] == windows["commit"] and plain["worktree"] != windows["worktree"]
    assert seen(reprun, plain["run_id"])["train.py"] == (False, b"print('training')\n")
    assert seen(reprun, windows["run_id"])["train.py"] == (False, b"print('training')\r\n")
    (repo / "train.py").write_bytes(b"print('next')\r\n")
    assert seen(reprun, run(reprun, *LOOK)["run_id"]) == files(repo)  # begun from the right one of the two
    git("config", "--unset", "core.autocrlf")
    check_out_anew(git, repo)
    assert seen(reprun, run(reprun, *LOOK)["run_id"]) == files(repo)


def test_a_job_with_a_tree_of_its_own(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "core.autocrlf", "true")
    check_out_anew(git, repo)
    (repo / "reprun.toml").write_bytes(b'writable = ["conf"]\r\n')
    check_exact(reprun, repo)


def test_a_job_that_changes_a_converted_file_is_found_out(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "core.autocrlf", "true")
    check_out_anew(git, repo)
    data = run(reprun, "--", "sh", "-c", "chmod u+w . train.py; printf 'print(1)\\r\\n' > train.py")
    assert show(reprun, data["run_id"])["outcome"]["worktree"] == {"modified": True, "paths": ["train.py"]}


def test_a_job_cannot_set_how_the_next_tree_is_written(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".git" / "info" / "attributes").write_text("*.txt text eol=crlf\n")
    (repo / "a.txt").write_bytes(WINDOWS)
    poison = (
        'd=$(git rev-parse --git-common-dir); git config core.autocrlf true; mkdir -p "$d/info"; '
        'echo "* -text" > "$d/info/attributes"; for f in "$d"/reprun-forms/*; do echo "* -text" > "$f/info/attributes"; '
        'printf "[core]\\n\\tautocrlf = true\\n" > "$f/config"; done'
    )
    run(reprun, "--", "sh", "-c", poison)
    (repo / "a.txt").write_bytes(WINDOWS + b"more\r\n")
    check_exact(reprun, repo)


def test_a_submodule_is_compared_too(repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path / "library"))
    (tmp_path / "library" / "a.txt").write_bytes(UNIX)
    git("add", "--all", cwd=tmp_path / "library")
    git("commit", "-qm", "one", cwd=tmp_path / "library")
    git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "library"), "library")
    git("config", "core.autocrlf", "true")
    check_out_anew(git, repo)  # the files of the submodule stay as they are: its settings are its own
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and "library/a.txt" in answer.stderr, answer
    (repo / "library" / "a.txt").write_bytes(WINDOWS)
    check_exact(reprun, repo)
