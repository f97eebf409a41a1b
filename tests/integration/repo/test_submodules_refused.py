"""Submodules that cannot be taken are refused by path; the guard and the second look work in them as everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful, sacred, snap, tree_of, tree_on_disk
from submodule_lab import LIB, edited, make_lib, new, secret, staged_secret, untouched

from reprun.core.errors import RefusedError
from reprun.core.guarded import Rules
from reprun.repo.discover import find_repository
from reprun.repo.explain import explain_snapshot
from reprun.repo.refs import list_refs
from reprun.repo.snapshot import take_snapshot
from reprun.repo.wish import Wish


def in_progress(lib: Path, git: Run) -> None:
    git("switch", "-qc", "side", "HEAD~1", cwd=lib)
    (lib / "code.py").write_text("side\n")
    git("commit", "-qam", "side", cwd=lib)
    git("merge", "main", check=False, cwd=lib)


def unmerged(lib: Path, git: Run) -> None:
    in_progress(lib, git)
    Path(git("rev-parse", "--absolute-git-dir", cwd=lib), "MERGE_HEAD").unlink()


def unborn(lib: Path, git: Run) -> None:
    git("switch", "-q", "--orphan", "fresh", cwd=lib)


def nested_repository(lib: Path, git: Run) -> None:
    make_lib(git, lib / "vendor")


def broken(lib: Path, git: Run) -> None:
    (lib / ".git").write_text("gitdir: /nowhere\n")


def files_without_repository(lib: Path, git: Run) -> None:
    (lib / ".git").unlink()


def damaged_index(lib: Path, git: Run) -> None:
    index = Path(git("rev-parse", "--absolute-git-dir", cwd=lib), "index")
    index.write_bytes(index.read_bytes()[:-30])


REFUSED = [
    (in_progress, "merge"), (unmerged, "code.py"), (unborn, "no commit"), (nested_repository, "vendor"),
    (broken, "nowhere|not in"), (files_without_repository, "not checked out"), (secret, r"\.env"), (staged_secret, r"\.env"),
    (damaged_index, "damaged"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "why"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_cannot_be_taken_is_refused_by_path(
    repo: Path, git: Run, lib: Path, state: Callable[[Path, Run], None], why: str
) -> None:
    state(lib, git)
    with untouched(repo), pytest.raises(RefusedError, match=why) as caught:
        snap()
    assert LIB in caught.value.message and caught.value.hint
    assert list_refs(find_repository("."), "refs/reprun/") == []


def test_during_an_operation_it_is_taken_when_that_is_asked_for(repo: Path, git: Run, lib: Path, faithful: Faithful) -> None:
    in_progress(lib, git)
    with untouched(repo):
        assert faithful(repo, during_operation=True).operation == "merge"


def test_other_object_ids_are_refused_by_path(repo: Path, git: Run, lib: Path, tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(lib)
    make_lib(git, lib, "--object-format", "sha256")
    with pytest.raises(RefusedError, match=r"libs/my lib.*sha256"):
        snap()


def test_a_partial_clone_without_the_files_is_refused_by_path(repo: Path, git: Run, tmp_path: Path) -> None:
    source = make_lib(git, tmp_path / "lib")
    git("config", "uploadpack.allowFilter", "true", cwd=source)
    git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{source}", "vendor")
    git("sparse-checkout", "set", "--no-cone", "/code.py", cwd=repo / "vendor")
    git("checkout", "-q", "main", cwd=repo / "vendor")
    git("add", "vendor")
    git("commit", "-qm", "vendor")
    with sacred(repo), pytest.raises(RefusedError, match=r"vendor/deep/data\.bin") as caught:
        snap()
    assert "vendor/code.py" not in caught.value.message
    source.rename(tmp_path / "gone")
    with pytest.raises(RefusedError, match=r"vendor/deep/data\.bin"):
        snap()


def test_a_branch_never_gets_the_files_of_a_submodule(repo: Path, git: Run, lib: Path) -> None:
    new(lib, git)
    with untouched(repo), pytest.raises(RefusedError, match=LIB) as caught:
        snap(auto_commit="branch")
    assert 'auto_commit = "ref"' in caught.value.hint


def test_the_guard_lets_in_what_a_submodule_has_committed(repo: Path, git: Run, lib: Path) -> None:
    staged_secret(lib, git)
    (lib / "keys.py").write_text("key = 'AKIA" + "IOSFODNN7EXAMPLQ'\n")
    git("add", "--all", cwd=lib)
    git("commit", "-qm", "knowingly", cwd=lib)
    (lib / "keys.py").write_text("# edited\nkey = 'AKIA" + "IOSFODNN7EXAMPLQ'\n")
    with untouched(repo):
        assert snap().allowed == []


def test_what_is_allowed_in_a_submodule_is_recorded_with_its_path(repo: Path, git: Run, lib: Path) -> None:
    secret(lib, git)
    snapshot = snap(rules=Rules(allow=(f"/{LIB}/.env",)))
    assert [entry["path"] for entry in snapshot.allowed] == [f"{LIB}/.env"]


def test_the_limits_are_for_all_parts_together(repo: Path, git: Run, lib: Path) -> None:
    (repo / "half").write_bytes(bytes(600))
    (lib / "half").write_bytes(bytes(600))
    with pytest.raises(RefusedError, match="together"):
        snap(rules=Rules(max_total=1000))


@pytest.mark.parametrize("before", [True, False])
def test_a_submodule_that_moves_while_it_is_read(
    repo: Path, git: Run, lib: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    from reprun.repo import parts

    original = parts.apply
    git("commit", "-q", "--allow-empty", "-m", "another", cwd=lib)
    left = [True]

    def late(where: object, additions: object) -> None:
        if before and left:  # then the index of the outer repository gets what the submodule was not at when it was opened
            git("commit", "-q", "--allow-empty", "-m", "one more", cwd=lib)
            left.clear()
        original(where, additions)  # type: ignore[arg-type]
        if not before:
            git("commit", "-q", "--allow-empty", "-m", "one more", cwd=lib)

    monkeypatch.setattr(parts, "apply", late)
    with pytest.raises(RefusedError, match=f"keeps changing.*{LIB}"):
        snap()


def test_a_file_of_a_submodule_that_changes_while_it_is_read(
    repo: Path, git: Run, lib: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reprun.repo import parts

    original, times = parts.apply, []

    def late(where: object, additions: object) -> None:
        original(where, additions)  # type: ignore[arg-type]
        times.append(1)
        if len(times) == 2:
            edited(lib, git)

    monkeypatch.setattr(parts, "apply", late)
    snapshot = snap()
    assert len(times) > 2 and tree_of(git, snapshot.commit) == tree_on_disk(repo)


def test_the_explanation_tells_of_submodules(repo: Path, git: Run, lib: Path) -> None:
    secret(lib, git)
    edited(lib, git)
    (lib / ".gitignore").write_text("*.log\n")
    (lib / "a.log").write_text("x")
    with untouched(repo):
        found = explain_snapshot(find_repository("."), Rules())
    what = {item.path: (item.what, bool(item.stopped)) for item in found.committed}
    assert what == {
        f"{LIB}/.env": ("new", True),
        f"{LIB}/.gitignore": ("new", False),
        f"{LIB}/code.py": ("changed", False),
    }
    assert [item.path for item in found.left_out] == [f"{LIB}/a.log"]
    assert found.submodules == [{"path": LIB, "commit": git("rev-parse", "HEAD", cwd=lib), "dirty": True}]


def test_a_repository_without_submodules_starts_no_process_more(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    sys.modules.pop("reprun.repo.submodules", None)
    take_snapshot(find_repository("."), Wish("20261121-031622-zzzzzz"))
    assert "reprun.repo.submodules" not in sys.modules
