"""`faithful` and `refused`: the two answers that a snapshot may give, whatever state the checkout is in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import IDS, Faithful, Refused, sacred, tree_of, tree_on_disk
from submodule_lab import LIB, add, make_lib

from reprun.core.errors import RefusedError
from reprun.core.frozen import replace
from reprun.core.spec import Snapshot
from reprun.repo.discover import ask_repository, find_repository
from reprun.repo.refs import list_refs, objects_dir
from reprun.repo.same import find_same
from reprun.repo.snapshot import take_snapshot
from reprun.repo.wish import Wish
from reprun.runner import worktree
from reprun.runner.checkout import Place
from reprun.runner.files import remove_tree
from reprun.runner.paths import Home
from reprun.runner.store import ensure_store


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Path]:
    """The place for stores and worktrees; read-only trees in it are removed at the end."""
    yield tmp_path / "host"
    remove_tree(str(tmp_path / "host"))


@pytest.fixture
def faithful(git: Run, host: Path) -> Faithful:
    """Takes a snapshot; what it commits and the worktree made of it hold what a person sees, and nothing else was touched.

    `ignored` are paths on the disk that git leaves out; `unseen` (path → `mode blob`) what is in the tree all the same;
    `cwd` is where in the tree `top` the snapshot is asked for.
    """

    def check(
        top: Path, ignored: tuple[str, ...] = (), unseen: dict[str, str] | None = None, cwd: Path | None = None, **wish: object
    ) -> Snapshot:
        where = str(cwd or top)
        repository = find_repository(where)
        assert repository.top == str(top)
        with sacred(top, Path(repository.common_dir)):
            seen = {**tree_on_disk(top, ignored, repository.object_format), **(unseen or {})}
            asked = find_repository(where, ask_repository(where, files=True))  # as a launch does it
            snapshot = take_snapshot(asked, Wish(next(IDS), **wish))  # type: ignore[arg-type]
            asked = find_repository(where, ask_repository(where, files=True))
            again = find_same(asked, Wish(next(IDS), **wish))  # type: ignore[arg-type]
        assert again is None or replace(again, ref=snapshot.ref) == snapshot
        assert tree_of(repository.git.text, snapshot.commit) == seen
        assert (
            repository.git.text("rev-parse", snapshot.commit + "^{tree}", snapshot.ref) == f"{snapshot.tree}\n{snapshot.commit}"
        )
        store = ensure_store(Home(str(host)), "project", objects_dir(repository), repository.object_format)
        place = Place(store, Home(str(host)).trees("project"))
        tree = worktree.ensure_worktree(place, snapshot.commit)
        assert tree_on_disk(Path(tree), (), repository.object_format) == seen
        assert worktree.find_changes(place, snapshot.commit, tree, snapshot.commit) == []
        return snapshot

    return check


@pytest.fixture
def refused(git: Run) -> Refused:
    """Asks for a snapshot, which is refused with `path` named; no ref is made and nothing was touched."""

    def check(top: Path, path: str, **wish: object) -> RefusedError:
        repository = find_repository(str(top))
        with sacred(top, Path(repository.common_dir)), pytest.raises(RefusedError) as caught:
            take_snapshot(repository, Wish(next(IDS), **wish))  # type: ignore[arg-type]
        assert path in caught.value.message and caught.value.hint
        assert list_refs(repository, "refs/reprun/runs/") == []
        return caught.value

    return check


@pytest.fixture
def lib(repo: Path, git: Run, tmp_path: Path) -> Path:
    """A submodule of `repo`, checked out and clean."""
    add(git, make_lib(git, tmp_path / "lib"), LIB)
    return repo / LIB
