"""Completion of run ids and a look at a fresh index: what they answer, and that they load nothing slow to do so.

No time is measured here (the benchmarks do that): what costs time is imports, and those can be counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reprun.cli import fastpath
from reprun.store.opening import ensure_index
from reprun.store.rows import Row

IDS = [f"20261121-0316{number:02}-m4k7qx" for number in range(60)]
SLOW = {"git", "yaml", "asyncio", "rich", "typer", "click", "subprocess", "tomllib", "email", "urllib", "http"}
COMPLETE = """
import os, sys
before = set(sys.modules)  # what the interpreter's own start loads here is not ours
from reprun.cli.fastpath import complete
try:
    answered = complete(os.environ)
except SystemExit as stop:
    answered = stop.code
sys.stdout.flush()
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps([answered, loaded]), file=sys.stderr)
"""
LOOK = """
import sys
before = set(sys.modules)
from reprun.store.scan import Sources, view
sources = Sources(None, None, None, None, None)
with view(sys.argv[1] + "/reprun/index.sqlite", sys.argv[1], sources) as index:
    print(len(index.newest()))
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps([0, loaded]), file=sys.stderr)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with an index of 60 runs, without a bit of Git."""
    folder = tmp_path / "a #100% project?"
    (folder / ".git").mkdir(parents=True)
    (folder / "src").mkdir()
    with ensure_index(str(folder / ".git/reprun/index.sqlite")) as index:
        index.add(*(Row(run_id, name=("baseline", "base2", "")[number % 3]) for number, run_id in enumerate(IDS)))
        index.add(Row("20270101-000000-aaaaaa", name='$(touch "pwned")'), Row("20270101-000001-aaaaaa", name="it's"))
        index.set_meta("stamp", "- - - -")
    return folder


def ask(folder: Path, shell: str, line: str, **more: str) -> tuple[object, list[str], set[str]]:
    """What completion answers for a line (the cursor at its end): its result, its lines, and the modules it loaded."""
    words = line.split(" ")
    # As bash breaks it: at blanks, and at @ and = as words of their own.
    broken = [
        piece for word in words for piece in word.replace("@", "\n@\n").replace("=", "\n=\n").split("\n") if piece or not word
    ]
    protocol = {"_REPRUN_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        protocol |= {"COMP_WORDS": "\n".join(broken), "COMP_CWORD": str(len(broken) - 1)}
    else:
        protocol["_TYPER_COMPLETE_ARGS"] = line
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "COMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        cwd=folder,
        env={**environ, **protocol, **more},
        capture_output=True,
        text=True,
        check=True,
    )
    answered, modules = json.loads(done.stderr)
    return answered, done.stdout.splitlines(), set(modules)


# --- nothing slow ---


def test_completion_loads_nothing_slow(project: Path) -> None:
    answered, lines, modules = ask(project, "bash", "reprun show 2026")
    assert answered and lines
    assert "reprun.cli.fastpath" in modules
    assert not modules & (SLOW | {"re", "typing", "dataclasses", "json", "pathlib", "reprun.store", "reprun.core"})


def test_a_look_at_a_fresh_index_loads_nothing_slow(project: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK, str(project / ".git")], capture_output=True, text=True, check=True)
    assert done.stdout == "20\n"
    assert not set(json.loads(done.stderr)[1]) & (
        SLOW | {"json", "hashlib", "shlex", "difflib", "reprun.core.manifest", "reprun.core.ids"}
    )


# --- what is answered ---


def test_the_newest_ids_then_names_then_last(project: Path) -> None:
    _, lines, _ = ask(project, "bash", "reprun show ")
    assert lines[:3] == ["20270101-000001-aaaaaa", "20270101-000000-aaaaaa", IDS[-1]]
    assert len(lines) == fastpath.MOST + 3
    assert lines[fastpath.MOST :] == ["base2", "baseline", "@last"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reprun show 20261121-03165", IDS[:49:-1]),
        ("reprun logs -f base", ["base2", "baseline"]),
        ("reprun diff baseline basel", ["baseline"]),
        ("reprun wait @last @", ["@last"]),
        ("reprun show @la", ["@last"]),
        ("reprun show --json @la", ["@last"]),
        ("reprun reproduce --on x basel", ["baseline"]),
        ("reprun reproduce --on=x basel", ["baseline"]),
        ("reprun attach -- basel", ["baseline"]),
        ("reprun stop nothing-like-it", []),
        ("reprun resume '20261121-031600", [IDS[0]]),
    ],
)
def test_where_a_run_is_expected_runs_are_offered(project: Path, line: str, expected: list[str]) -> None:
    assert ask(project, "bash", line)[:2] == (True, expected)


@pytest.mark.parametrize(
    "line",
    [
        "reprun ", "reprun sh", "reprun show -", "reprun show --js", "reprun launch -- python show 2026", "reprun ls 2026",
        "reprun reproduce --on ba", "reprun reproduce --on=lo", "reprun launch --config show ", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_everything_else_is_left_to_typer(project: Path, shell: str, line: str) -> None:
    assert ask(project, shell, line)[:2] == (False, [])


def test_other_shells_and_odd_requests_are_left_to_typer(project: Path) -> None:
    for environ in (
        {},
        {"_REPRUN_COMPLETE": "source_bash"},
        {"_REPRUN_COMPLETE": "complete_bash"},
        {"_REPRUN_COMPLETE": "complete_bash", "COMP_WORDS": "reprun\nshow\n", "COMP_CWORD": "x"},
        {"_REPRUN_COMPLETE": "complete_bash", "COMP_WORDS": "", "COMP_CWORD": "-1"},
        {"_REPRUN_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "reprun diff 'my run' "},
        {"_REPRUN_COMPLETE": "complete_powershell", "_TYPER_COMPLETE_ARGS": "reprun show "},
    ):
        assert not fastpath.complete(environ)


def test_the_options_that_take_a_value_are_those_of_the_commands() -> None:
    """The fast path may not ask Typer for them, so they are written down twice."""
    import typer.main

    from reprun.cli.app import build

    commands = typer.main.get_command(build(None)).commands  # type: ignore[attr-defined]
    assert set(commands) >= fastpath.RUN_COMMANDS
    options = [option for name in fastpath.RUN_COMMANDS for option in commands[name].params if option.param_type_name == "option"]
    assert {word for option in options if not option.is_flag for word in option.opts} == fastpath.VALUE_OPTIONS


def test_zsh_gets_the_answer_that_it_evaluates(project: Path) -> None:
    assert ask(project, "zsh", "reprun show base")[:2] == (True, ['_arguments \'*: :(("base2"', '"baseline"))\''])
    assert ask(project, "zsh", "reprun show nothing")[:2] == (True, [])
    _, lines, _ = ask(project, "zsh", "reprun show ")
    assert not any("$" in line or "it" in line.split('"') for line in lines), "a stranger's name must not reach eval"


def test_fish_asks_first_whether_there_is_anything(project: Path) -> None:
    assert ask(project, "fish", "reprun show base", _TYPER_COMPLETE_FISH_ACTION="get-args")[:2] == (True, ["base2", "baseline"])
    assert ask(project, "fish", "reprun show base", _TYPER_COMPLETE_FISH_ACTION="is-args")[:2] == (0, [])
    assert ask(project, "fish", "reprun show nix", _TYPER_COMPLETE_FISH_ACTION="is-args")[:2] == (1, [])


# --- where the repository is ---


def test_the_repository_is_found_from_everywhere(project: Path, tmp_path: Path) -> None:
    git_dir = str(project / ".git")
    linked = tmp_path / "linked"
    (linked / "deep").mkdir(parents=True)
    private = project / ".git/worktrees/linked"
    private.mkdir(parents=True)
    (private / "commondir").write_text("../..\n")
    (linked / ".git").write_text(f"gitdir: {os.path.relpath(private, linked)}\n")
    find = fastpath.find_common_dir
    assert find({}, str(project)) == find({}, str(project / "src")) == git_dir
    assert find({}, str(linked)) == find({}, str(linked / "deep")) == git_dir
    assert find({"GIT_DIR": git_dir}, "/") == find({"GIT_DIR": ".git"}, str(project)) == git_dir
    assert find({"GIT_DIR": str(private)}, "/") == git_dir
    assert find({"GIT_COMMON_DIR": git_dir}, "/") == git_dir
    assert find({}, "/") == ""


def test_real_worktrees_and_submodule_like_folders(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True, capture_output=True)

    main, linked, apart = tmp_path / "main", tmp_path / "linked", tmp_path / "apart"
    git("init", "-q", str(main))
    git("-C", str(main), "commit", "-q", "--allow-empty", "-m", "x")
    git("-C", str(main), "worktree", "add", "-q", str(linked))
    git("init", "-q", "--separate-git-dir", str(tmp_path / "elsewhere.git"), str(apart))
    assert os.path.samefile(fastpath.find_common_dir({}, str(linked)), main / ".git")
    assert os.path.samefile(fastpath.find_common_dir({}, str(apart)), tmp_path / "elsewhere.git")


@pytest.mark.parametrize("content", [None, b"", b"no database" * 100])
def test_without_a_readable_index_there_is_nothing_and_no_traceback(project: Path, content: bytes | None) -> None:
    path = project / ".git/reprun/index.sqlite"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    before = sorted(os.listdir(path.parent))
    assert ask(project, "bash", "reprun show 2")[:2] == (True, [])
    assert sorted(os.listdir(path.parent)) == before, "completion made a file"
    assert ask(Path("/"), "bash", "reprun show 2")[:2] == (True, [])
