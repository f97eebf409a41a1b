"""The index against real refs: it says what they say, follows them, and looking changes nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from index_lab import ID, Repository
from written_manifest import COMMIT, manifest

from reprun.core.frozen import replace
from reprun.core.manifest import seal
from reprun.core.select import Filter
from reprun.store import find, scan
from reprun.store.opening import ensure_index, find_index
from reprun.store.rows import Row


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


# --- the rows ---


def test_a_row_says_what_the_records_say(repository: Repository) -> None:
    repository.run(ID(1), "finished", name="base", config='{"optimizer": {"lr": 0.1}, "layers": [1, 2]}', metrics={"acc": 0.9})
    with repository.view() as index:
        (row,) = index.newest()
    assert row == Row(
        run_id=ID(1), name="base", why="because", created="2026-11-21T03:16:22Z", commit_id=COMMIT, target="local",
        config_json='{"optimizer.lr":0.1,"layers.0":1,"layers.1":2}', metrics_json='{"acc":0.9}', state="finished", exit_code=0,
        ended="2026-11-21T03:20:00Z", branch="main", command="python train.py --out '{output}'", seed=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        b"", b"seal = 1\n", manifest(ID(1)).replace(b"train", b"drain"), seal(b"not toml ["), seal(b"\xff"),
        seal(b"schema_version = 99\n"), seal(b"schema_version = 1\n"), manifest(ID(2)),
        seal(manifest(ID(1)).partition(b"\n")[2] + b"[run]\nwritable = 3\n"),
    ],
)  # fmt: skip
def test_a_damaged_manifest_hides_no_other_run(repository: Repository, text: bytes) -> None:
    repository.put(f"refs/reprun/manifests/{ID(1)}", text)
    repository.run(ID(3), "finished")
    assert repository.shown() == [(ID(3), "finished 0"), (ID(1), "unknown (damaged manifest)")]


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"state": "exploded"}', b"\xff", b"[" * 100_000])
def test_a_damaged_outcome_leaves_the_run_without_one(repository: Repository, text: bytes) -> None:
    repository.run(ID(1))
    repository.put(f"refs/reprun/outcomes/{ID(1)}", text)
    assert repository.shown() == [(ID(1), "unknown (no outcome recorded)")]


def test_a_config_that_cannot_be_read_is_no_obstacle(repository: Repository) -> None:
    repository.run(ID(1), "finished", config="{oops")
    with repository.view() as index:
        assert index.newest()[0].config_json == "{}"


def test_refs_that_are_no_runs_are_left_alone(repository: Repository) -> None:
    repository.run(ID(1), "finished")
    repository.put("refs/reprun/manifests/not-a-run", b"x")
    repository.put("refs/reprun/manifests/deep/er", b"x")
    Path(repository.git_dir, "refs/reprun/manifests", f"{ID(2)}.lock").write_bytes(b"")
    assert repository.shown() == [(ID(1), "finished 0")]


# --- following the refs ---


def test_runs_come_end_and_go(repository: Repository) -> None:
    assert repository.shown() == []
    os.mkdir(os.path.dirname(repository.path))
    assert repository.shown() == [] and find_index(repository.path) is None
    assert not os.path.exists(repository.path), "a repository without runs gets no index"
    repository.run(ID(1), "finished")
    repository.run(ID(2))
    assert repository.shown() == [(ID(2), "unknown (no outcome recorded)"), (ID(1), "finished 0")]
    for write in (False, True):
        repository.run(ID(3 + write), "failed")
        assert not write or repository.sync()
        assert repository.shown()[0] == (ID(3 + write), "failed 3")
    repository.end(ID(2), "stopped")
    assert (ID(2), "stopped") in repository.shown()
    repository.git("update-ref", "-d", f"refs/reprun/manifests/{ID(3)}")
    assert [run_id for run_id, _ in repository.shown()] == [ID(4), ID(2), ID(1)]
    assert repository.sync()
    assert [run_id for run_id, _ in repository.shown()] == [ID(4), ID(2), ID(1)]


def test_packed_refs_are_the_same_runs(repository: Repository) -> None:
    repository.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x")
    for number in range(5):
        repository.run(ID(number), "finished")
        repository.git("-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "-m", "x", f"v{number}")
    before = repository.shown()
    repository.git("pack-refs", "--all")
    assert repository.shown() == before
    repository.run(ID(9), "finished")
    repository.git("update-ref", "-d", f"refs/reprun/manifests/{ID(2)}")
    expected = [(ID(9), "finished 0"), *(line for line in before if line[0] != ID(2))]
    assert repository.shown() == expected
    assert repository.sync()
    assert repository.shown() == expected
    os.unlink(repository.path)
    assert repository.shown() == expected


def test_a_repository_whose_refs_are_no_files(repository: Repository) -> None:
    repository.run(ID(1), "finished")
    hidden = Repository.__new__(Repository)
    hidden.__dict__.update(repository.__dict__)
    hidden.git_dir = str(repository.folder / "tables")  # stands for the Git directory of a repository with reftable
    os.makedirs(f"{hidden.git_dir}/reftable")
    Path(hidden.git_dir, "reftable/tables.list").write_text("one\n")
    assert hidden.shown() == [(ID(1), "finished 0")]
    repository.run(ID(2), "failed")
    Path(hidden.git_dir, "reftable/tables.list").write_text("one\ntwo\n")
    assert hidden.shown() == [(ID(2), "failed 3"), (ID(1), "finished 0")]


def test_a_ref_made_within_one_tick_of_the_clock_is_seen(repository: Repository) -> None:
    """The stamp is not trusted while another ref could still be made without changing it."""
    repository.run(ID(1), "finished")
    stuck = replace(repository.sources, pause=lambda _: None)
    folders = [Path(repository.git_dir, "refs/reprun", family) for family in ("manifests", "outcomes")]
    now = time.time_ns()
    for folder in folders:
        os.utime(folder, ns=(now, now))
    assert scan.sync(repository.path, repository.git_dir, replace(stuck, now_ns=lambda: now + 1))
    repository.run(ID(2), "finished")
    for folder in folders:
        os.utime(folder, ns=(now, now))
    assert [run_id for run_id, _ in repository.shown()] == [ID(2), ID(1)]


def test_a_writer_waits_for_the_clock_to_tick(repository: Repository) -> None:
    repository.run(ID(1), "finished")
    pauses: list[float] = []
    refs = Path(repository.git_dir, "refs/reprun/manifests")
    os.utime(refs)
    clock = refs.stat().st_mtime_ns + 5_000_000  # our own: somebody else may have the processor for longer than a tick

    def pause(seconds: float) -> None:
        nonlocal clock
        pauses.append(seconds)
        clock += int(seconds * 1e9) + 1

    sources = replace(repository.sources, now_ns=lambda: clock, pause=pause)
    assert scan.sync(repository.path, repository.git_dir, sources)
    assert len(pauses) == 1
    assert 0 < pauses[0] <= 0.02
    with ensure_index(repository.path) as index:
        assert index.get_meta("stamp")


# --- looking changes nothing ---


def test_looking_at_a_fresh_index_changes_no_byte_and_asks_git_nothing(repository: Repository) -> None:
    repository.run(ID(1), "finished", name="a")
    assert repository.sync()
    before, asked = repository.fingerprint(), repository.conversations
    with repository.view() as index:
        assert index.newest() and index.unfinished(5) == [] and index.count() == 1
        assert find.get_run(index, "a").run_id == ID(1)
    assert repository.fingerprint() == before
    assert repository.conversations == asked


def test_looking_at_an_outdated_index_changes_no_byte_either(repository: Repository) -> None:
    repository.run(ID(1))
    assert repository.sync()
    before = repository.fingerprint()
    repository.run(ID(2), "finished", name="two")
    repository.end(ID(1), "failed")
    assert repository.shown() == [(ID(2), "finished 0"), (ID(1), "failed 3")]
    with repository.view() as index:
        assert [row.run_id for row in index.named("two", 5)] == [ID(2)]
        assert [row.run_id for row in index.prefix("2026", 5)] == [ID(2), ID(1)]
        assert index.names(9) == ["two"] and index.count() == 2 and index.unfinished(5) == []
        assert index.find_last(1) == index.find(ID(1))
        assert [row.run_id for row in index.newest(Filter(state="failed"))] == [ID(1)]
    assert repository.fingerprint() == before


def test_an_index_far_behind_is_filled_once(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_BEHIND", 3)
    repository.run(ID(1), "finished")
    assert repository.sync()
    for number in range(2, 7):
        repository.run(ID(number), "finished")
    assert len(repository.shown()) == 6
    with ensure_index(repository.path) as index:
        assert index.count() == 6
    before, asked = repository.fingerprint(), repository.conversations
    assert len(repository.shown()) == 6
    assert (repository.fingerprint(), repository.conversations) == (before, asked)


def test_a_long_reading_says_how_far_it_is(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_BATCH", 2)
    for second in range(3):
        repository.run(ID(second))
    told: list[str] = []
    scan.sync(repository.path, repository.git_dir, replace(repository.sources, tell=told.append))
    assert told == [f"reading the records of runs, {done} of 3" for done in (2, 3)]


def test_no_folder_for_the_index_is_no_obstacle(repository: Repository) -> None:
    repository.run(ID(1), "finished")
    Path(repository.git_dir, "reprun").write_text("in the way")
    assert not repository.sync()
    assert repository.shown() == [(ID(1), "finished 0")]


def test_private_modes(repository: Repository) -> None:
    repository.run(ID(1), "finished")
    old = os.umask(0)
    try:
        assert repository.sync()
    finally:
        os.umask(old)
    assert os.stat(repository.path).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(repository.path)).st_mode & 0o777 == 0o700


def test_only_loose_refs_are_listed_while_the_packed_ones_stay(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        repository.run(ID(number), "finished")
    repository.git("pack-refs", "--all")
    repository.run(ID(4), "finished")
    assert repository.sync()
    before = repository.shown()
    with monkeypatch.context() as patch:
        patch.setattr(scan, "list_runs", None)  # whoever lists all refs fails
        repository.run(ID(5), "finished")
        repository.run(ID(6))
        assert repository.shown() == [(ID(6), repository.shown()[0][1]), (ID(5), "finished 0"), *before]
        repository.git("update-ref", "-d", f"refs/reprun/manifests/{ID(4)}")
        assert ID(4) not in {line[0] for line in repository.shown()}
        repository.end(ID(6), "failed")
        assert repository.shown()[0][0] == ID(6) and repository.shown()[0][1].startswith("failed")
    expected = repository.shown()
    repository.git("pack-refs", "--all")
    assert repository.shown() == expected and repository.sync() and repository.shown() == expected
    repository.git("update-ref", "-d", f"refs/reprun/manifests/{ID(1)}")  # a packed one: git writes packed-refs anew
    assert [line for line in expected if line[0] != ID(1)] == repository.shown()
