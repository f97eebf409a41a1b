"""The index may be deleted, damaged or written by many at any time, and forgets no end that it was told."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from index_lab import ID, Repository

from reprun.core.select import Filter
from reprun.store import scan
from reprun.store.opening import ensure_index, find_index
from reprun.store.rows import Row


@pytest.fixture(autouse=True)
def written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look writes the index down when it is missing and there are many runs; here one is many."""
    monkeypatch.setattr(scan, "MAX_BEHIND", 0)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


# --- it may be deleted, damaged, outdated at any time ---


def ruin_header(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def ruin_tail(path: Path) -> None:
    os.truncate(path, 4096)


def ruin_pages(path: Path) -> None:
    with path.open("r+b") as file:
        size = path.stat().st_size
        for page in range(4096, size, 4096):
            file.seek(page)
            file.write(b"\xff" * 200)


def ruin_schema(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("DROP TABLE runs")
        db.execute("CREATE TABLE runs (something TEXT)")
        db.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")
    db.close()


def ruin_by_emptying(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("ruin", [Path.unlink, ruin_header, ruin_tail, ruin_pages, ruin_schema, ruin_by_emptying])
def test_a_ruined_index_is_made_again(repository: Repository, ruin: object) -> None:
    for number in range(30):
        repository.run(ID(number), "finished" if number < 20 else "", name=f"run{number}")
    before = repository.shown()
    assert len(before) == 30
    assert callable(ruin)
    for repair in (repository.shown, repository.sync):
        ruin(Path(repository.path))
        repair()
        assert repository.shown() == before
        with ensure_index(repository.path) as index:
            assert index.count() == 30


def test_damage_found_in_the_middle_of_a_question_is_repaired(repository: Repository) -> None:
    """The stamp can still be read; only the rows cannot."""
    for number in range(30):
        repository.run(ID(number), "finished", config=json.dumps({f"key{key}": "x" * 50 for key in range(40)}))
    before = repository.shown()
    with sqlite3.connect(repository.path) as db:
        kept = {row[0] - 1 for row in db.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'meta'")} | {0}
    db.close()
    with open(repository.path, "r+b") as file:
        for page in range(os.path.getsize(repository.path) // 4096):
            if page not in kept:
                file.seek(page * 4096)
                file.write(b"\xff" * 4096)
    index = find_index(repository.path)
    assert index is not None and index.get_meta("stamp")
    damaged = Path(repository.path).read_bytes()
    assert repository.shown() == before
    Path(repository.path).write_bytes(damaged)
    repository.run(ID(40), "finished")
    assert repository.sync(), "a writer repairs it as well"
    assert repository.shown() == [(ID(40), "finished 0"), *before]


def test_a_writer_killed_in_a_transaction_leaves_an_index_that_heals(repository: Repository) -> None:
    for number in range(20):
        repository.run(ID(number), "finished")
    before = repository.shown()
    ready = multiprocessing.get_context("fork").Event()
    victim = multiprocessing.get_context("fork").Process(target=write_and_hang, args=(repository.path, ready))
    victim.start()
    assert ready.wait(20) and victim.pid
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    assert os.path.exists(repository.path + "-journal"), "the case under test: a hot journal"
    assert repository.shown() == before
    with ensure_index(repository.path) as index:
        assert index.count() == 20


def write_and_hang(path: str, ready: object) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")  # spill to the file before the commit
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE runs SET why = hex(randomblob(20000)), state = 'running'")
    ready.set()  # type: ignore[attr-defined]
    time.sleep(60)


def test_writers_at_once_lose_nothing(repository: Repository) -> None:
    ids = [ID(number) for number in range(12)]
    for run_id in ids:
        repository.run(run_id, "finished")
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=repository.sync, args=(Row(run_id, run_dir="/d", state="starting"),)) for run_id in ids]
    lookers = [context.Process(target=repository.shown) for _ in range(4)]
    for process in (*writers, *lookers):
        process.start()
    for process in (*writers, *lookers):
        process.join(60)
        assert process.exitcode == 0
    with repository.view() as index:
        rows = index.newest(Filter(limit=0))
    assert [row.run_id for row in rows] == ids[::-1]
    assert {(row.state, row.run_dir, row.name) for row in rows} == {("finished", "/d", "")}


# --- what is told never takes back what is known ---


def test_an_end_that_is_recorded_stays(repository: Repository) -> None:
    repository.run(ID(1), "finished", metrics={"acc": 0.5})
    assert repository.sync()
    assert repository.sync(Row(ID(1), run_dir="/run", state="starting"))
    with repository.view() as index:
        row = index.find(ID(1))
    assert row and (row.state, row.exit_code, row.metrics_json) == ("finished", 0, '{"acc":0.5}')
    assert (row.run_dir, row.why) == ("/run", "because")


def test_not_knowing_is_no_news(repository: Repository) -> None:
    with ensure_index(repository.path) as index:
        index.add(Row(ID(1), name="a", state="running"))
        index.add(Row(ID(1), reason="no outcome recorded"))
        assert index.find(ID(1)) == Row(ID(1), name="a", state="running")


def test_a_lost_run_that_is_heard_of_again(repository: Repository) -> None:
    repository.run(ID(1), "lost")
    assert repository.sync()
    repository.end(ID(1), "finished")
    assert repository.shown() == [(ID(1), "finished 0")]
