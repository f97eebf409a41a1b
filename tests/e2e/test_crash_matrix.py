"""The crash matrix, by effects: a launch is killed before, in the middle of or after one exact system call of it.

Here one cell for each step; `make crash` plays them all. What is checked of each cell is in crash_lab.py.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from crash_lab import effects, memory_folder, play
from crash_place import SETTINGS, Cell, Place

import reprun
from reprun.runner.files import locked, remove_tree

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux", "ptrace"), pytest.mark.timeout(300)]
REF, BRANCH, OWN, BOTH, HOOKED = SETTINGS

# step → the effect (a pattern), when, who, does the job still run, the settings
STEPS = {
    "the journal's folder": ("reprun:mkdir:REPO/.git/reprun/journal#1", "after", "launch", False, REF),
    "the journal's first line": ("reprun:write:REPO/.git/reprun/journal/open/RUN.jsonl.*#1", "half", "launch", False, REF),
    "the journal's beginning": ("reprun:rename:REPO/.git/reprun/journal/open/RUN.jsonl#1", "after", "all", False, REF),
    "the scratch index": ("reprun:write:REPO/.git/reprun/tmp/index-RUN-PID#1", "half", "launch", True, REF),
    "an object": ("git-*:write:REPO/.git/objects/*tmp_obj*#1", "half", "launch", False, REF),
    "the objects published": ("git-*:link:REPO/.git/objects/XX/HASH#1", "before", "self", False, REF),
    "the scratch index written": ("git-*:rename:REPO/.git/reprun/tmp/index-RUN-PID#1", "before", "all", False, OWN),
    "the tree": ("git-write-tree:write:REPO/.git/objects/*tmp_obj*#1", "half", "self", False, REF),
    "the commit": ("reprun:rename:REPO/.git/objects/XX/HASH#1", "before", "launch", True, REF),
    "the last snapshot's index": ("reprun:rename:REPO/.git/reprun/last-index-HASH#1", "after", "launch", True, REF),
    "the last snapshot": ("reprun:write:REPO/.git/reprun/last.json.*#1", "half", "launch", False, REF),
    "the ref's lock": ("reprun:write:REPO/.git/refs/reprun/runs/RUN.lock#1", "half", "launch", False, REF),
    "the ref": ("reprun:rename:REPO/.git/refs/reprun/runs/RUN#1", "after", "launch", True, REF),
    "git's lock on the index": ("reprun:link:REPO/.git/index.lock#1", "after", "launch", False, BRANCH),
    "the branch's lock": ("git-update-ref:write:REPO/.git/refs/heads/main.lock#1", "half", "launch", True, BRANCH),
    "HEAD's lock": ("git-update-ref:open:REPO/.git/HEAD.lock#1", "after", "self", False, BRANCH),
    "the branch": ("git-update-ref:rename:REPO/.git/refs/heads/main#1", "after", "all", False, BRANCH),
    "the user's index": ("reprun:rename:REPO/.git/index#1", "before", "launch", True, BOTH),
    "the journal's snapshot": ("reprun:write:REPO/.git/reprun/journal/open/RUN.jsonl#1", "half", "launch", True, REF),
    "the store begun": ("git-init:rename:HOME/repos/*.tmp/config#1", "after", "launch", False, REF),
    "the store": ("reprun:rename:HOME/repos/project-HASH.git#1", "after", "all", True, OWN),
    "what the store borrows": ("reprun:write:HOME/repos/*/objects/info/alternates.*#1", "half", "launch", False, REF),
    "the folder of the run": ("reprun:mkdir:HOME/runs/RUN#1", "after", "launch", False, OWN),
    "the worktree aside": ("git-read-tree:write:HOME/worktrees/*/train.py#1", "before", "launch", True, REF),
    "the worktree's index": ("git-read-tree:write:HOME/repos/*/worktrees/HASH/index.lock#1", "half", "self", False, REF),
    "the worktree made read-only": ("reprun:chmod:HOME/worktrees/*/train.py#1", "before", "all", False, REF),
    "the worktree": ("reprun:rename:HOME/worktrees/project-HASH/HASH#1", "after", "launch", True, REF),
    "the worktree's table": ("reprun:write:HOME/repos/*/reprun-table.json.PID.tmp#1", "half", "launch", False, REF),
    "links of an own tree": ("reprun:link:HOME/runs/RUN/tree/train.py#1", "before", "launch", True, OWN),
    "the plan's first half": ("reprun:rename:HOME/runs/RUN/launch.json#1", "after", "launch", False, OWN),
    "the manifest's blob": ("reprun:write:REPO/.git/objects/*tmp_obj#2", "half", "launch", False, REF),
    "the manifest's lock": ("reprun:write:REPO/.git/refs/reprun/manifests/RUN.lock#1", "half", "all", True, REF),
    "the manifest's ref": ("reprun:rename:REPO/.git/refs/reprun/manifests/RUN#1", "after", "launch", False, OWN),
    "the journal's seal": ("reprun:write:REPO/.git/reprun/journal/open/RUN.jsonl#2", "half", "launch", False, REF),
    "the journal's submit": ("reprun:write:REPO/.git/reprun/journal/open/RUN.jsonl#3", "after", "launch", True, REF),
    "the manifest's copy": ("reprun:write:HOME/runs/RUN/manifest.toml.*#1", "half", "launch", False, REF),
    "the plan": ("reprun:rename:HOME/runs/RUN/launch.json#2", "after", "all", True, REF),
    "tmux": ("reprun:exec:tmux#1", "before", "launch", False, REF),
    "the supervisor": ("tmux:exec:supervisor#1", "after", "all", False, REF),
    "the claim": ("supervisor:symlink:HOME/runs/RUN/claim#1", "after", "self", True, REF),
    "the start record": ("supervisor:write:HOME/runs/RUN/started.json.*#1", "half", "self", False, REF),
    "the start record in place": ("supervisor:rename:HOME/runs/RUN/started.json#1", "after", "all", False, REF),
    "the plan taken away": ("supervisor:unlink:HOME/runs/RUN/launch.json#1", "before", "launch", True, OWN),
    "the job": ("supervisor:exec:sh#1", "after", "launch", True, REF),
    "the journal put away": ("reprun:rename:REPO/.git/reprun/journal/RUN.jsonl#1", "before", "launch", False, REF),
    "the index of runs": ("reprun:write:REPO/.git/reprun/index.sqlite#*", "before", "launch", True, REF),
    "the exit": ("supervisor:rename:HOME/runs/RUN/started.json#2", "after", "self", False, REF),
    "the outcome": ("supervisor:rename:HOME/runs/RUN/outcome.json#1", "after", "self", False, REF),
    "the outcome's blob": ("supervisor:exec:git-hash-object#1", "before", "self", False, OWN),
    "pre-launch": ("reprun:exec:pre-launch#1", "after", "launch", False, HOOKED),
    "the end awaited": ("reprun:rename:REPO/.git/reprun/hooks/pending/RUN#1", "before", "launch", False, HOOKED),
    "the claim on post-launch": ("reprun:link:REPO/.git/reprun/hooks/RUN/post-launch.json#1", "before", "launch", True, HOOKED),
    "post-launch": ("reprun:exec:post-launch#1", "after", "all", False, HOOKED),
    "the claim on post-run": ("reprun:link:REPO/.git/reprun/hooks/RUN/post-run.json#1", "before", "launch", False, HOOKED),
    "post-run's end": ("reprun:rename:REPO/.git/reprun/hooks/RUN/post-run.json#1", "before", "launch", False, HOOKED),
    "the outcome's ref": ("git-update-ref:write:REPO/.git/refs/reprun/outcomes/RUN.lock#1", "half", "self", False, REF),
}


@pytest.fixture(scope="session")
def names_of(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Callable[[str], list[str]]]:
    """The effects of a launch with some settings, in their order; recorded once by all workers together."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine if worker_id == "master" else mine.parent
    place = Path(tempfile.mkdtemp(prefix="cells-", dir=memory_folder()))

    def find(settings: str) -> list[str]:
        record = shared / f"effects-{SETTINGS.index(settings)}.json"
        with locked(f"{record}.lock", exclusive=True):
            if not record.exists():
                record.write_text(json.dumps(effects(Cell(settings=settings), place / "record")))
        names: list[str] = json.loads(record.read_text())
        return names

    yield find
    remove_tree(str(place))


def cell_of(step: str, names_of: Callable[[str], list[str]], package: str = "") -> Cell:
    """The cell of a step. There is an effect for each, or the matrix has a hole."""
    pattern, when, who, runs_on, settings = STEPS[step]
    found = next((name for name in names_of(settings) if fnmatchcase(name, pattern)), "")
    assert found, f"nothing in a launch is {pattern}"
    return Cell(found, when, who, runs_on, settings, package=package)


@pytest.mark.parametrize("step", STEPS)
def test_a_launch_killed_at(step: str, names_of: Callable[[str], list[str]], folder: Path) -> None:
    for number in range(20):  # a launch may be over before what its job does beside it
        played = play(cell_of(step, names_of), folder / str(number))
        assert not played.problems, played
        if played.reached:
            return
    raise AssertionError(f"twenty launches were never killed at {step}")


@pytest.mark.parametrize(
    ("effect", "when"),
    [
        ("reprun:exec:pre-launch#1", "after"),
        ("reprun:unlink:REPO/.git/reprun/hooks/RUN/pre-launch.json#1", "after"),
    ],
)
def test_a_launch_that_is_refused_killed_at(effect: str, when: str, folder: Path) -> None:
    """What a hook has said no to never starts, whoever carries it on."""
    for name in ("x", "watch"):
        (folder / name).mkdir()
    place = Place(folder / "x", Cell(effect, when, "launch", settings=HOOKED))
    try:
        place.hook("pre-launch", status=1)
        with place.killed_launch(folder / "watch") as line:
            assert "killed" in line
        for run_id in place.begun():
            assert [place.reprun("resume", run_id).rc for _ in range(2)] == [3, 3]
        assert place.reprun("gc", "--yes").rc == 0
        assert place.count() == 0 and not list(place.home.glob("runs/*/claim"))
        kept = {f"reprun/journal/open/{run_id}.jsonl" for run_id in place.begun()}  # it may be carried on with a yes
        assert set(place.left_behind(dict.fromkeys(place.begun(), "unstarted"))) <= kept
    finally:
        place.end()


# what is broken → the file, the text, what stands there instead, the step whose cell has to notice
FAULTS = {
    "no claim": (
        "runner/claim.py",
        "    for generation in range(1, _GENERATIONS):\n",
        "    for generation in range(1, _GENERATIONS):\n        return generation\n",
        "the plan",
    ),
    "the job begins before its start is recorded": (
        "runner/supervisor.py",
        "    write_json(run.started, record)\n",
        "    release_job(release, env)\n    time.sleep(0.3)\n    release = os.open(os.devnull, os.O_WRONLY)\n"
        "    write_json(run.started, record)\n",
        "the start record",
    ),
    "a second manifest is sealed": (
        "commands/steps.py",
        "blob = None if cleared.attempt.first else",
        "blob = None if cleared else",
        "the manifest's ref",
    ),
    "an own tree is taken for whole": (
        "runner/worktree.py",
        "if not os.path.isdir(path) or table.load(place.table(name)) is None:",
        "if not os.path.isdir(path):",
        "links of an own tree",
    ),
    "locks of killed gits stay": (
        "runner/refs.py",
        "    for path in find_stale(locks):\n",
        "    for path in list(locks)[:0]:\n",
        "the manifest's lock",
    ),
    "the branch moves alone": (
        "repo/mend.py",
        "            if is_moved:\n",
        "            if not is_moved:\n",
        "the user's index",
    ),
    "rubbish of the journal stays": (
        "store/journal.py",
        'if name.endswith(".tmp") and is_orphan(name)]',
        'if name.endswith(".no")]',
        "the journal's first line",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_matrix_notices(fault: str, names_of: Callable[[str], list[str]], folder: Path) -> None:
    file, text, instead, step = FAULTS[fault]
    package = copy_of_package(folder, file, text, instead)
    played = play(cell_of(step, names_of, str(package)), folder / "x")
    assert played.problems, f"{played} with {fault}"


@pytest.mark.parametrize("step", ["the ref", "the manifest's ref", "the plan", "the journal's submit"])
def test_the_journal_is_only_a_memo(step: str, names_of: Callable[[str], list[str]], folder: Path) -> None:
    """With a journal of which nothing can be read, a launch is still carried on once, or refused."""
    package = copy_of_package(folder, "store/journal.py", "data = json.loads(line)\n", "continue\n")
    played = play(cell_of(step, names_of, str(package)), folder / "x")
    assert played.reached and not played.problems, played


def copy_of_package(folder: Path, file: str, text: str, instead: str) -> Path:
    """The package, copied with what is compiled of it, with a fault put into one of its files."""
    package = Path(next(iter(reprun.__path__)))
    copy = folder / "package"
    shutil.copytree(package, copy / "reprun")
    broken = copy / "reprun" / file
    assert broken.read_text().count(text) == 1, f"{file} has changed: put the fault in anew"
    broken.write_text(broken.read_text().replace(text, instead))
    return copy
