"""The index against real refs: it follows them, can be deleted at any time, and looking changes nothing."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reprun.core.errors import NotFoundError, UsageError
from reprun.core.manifest import seal
from reprun.core.outcome import RunState
from reprun.core.select import Filter, parse_where
from reprun.store import find, scan, sql
from reprun.store.index import Index
from reprun.store.opening import ensure_index, find_index
from reprun.store.rows import Row

ID = "20261121-0316{:02}-m4k7qx".format
COMMIT = "c" * 40


class Repository:
    """A real repository, and records put into it the way a launch does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git_dir = str(folder / ".git")
        self.path = os.path.join(self.git_dir, "reprun", "index.sqlite")
        self.conversations = 0
        self.git("init", "-q")
        self.sources = scan.Sources(self.read_blobs, self.list_refs, parse_config, time.time_ns, time.sleep)

    def git(self, *words: str, data: bytes = b"") -> str:
        done = subprocess.run(["git", "-C", str(self.folder), *words], input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def put(self, ref: str, data: bytes) -> None:
        self.git("update-ref", ref, self.git("hash-object", "-w", "--stdin", data=data))

    def run(self, run_id: str, state: str = "", *, name: str = "", config: str = "", metrics: dict[str, float] | None = None) -> None:
        """The refs of one run; with a state it has an outcome too."""
        self.put(f"refs/reprun/manifests/{run_id}", manifest(run_id, name, config))
        if state:
            self.end(run_id, state, metrics)

    def end(self, run_id: str, state: str, metrics: dict[str, float] | None = None) -> None:
        values = {key: {"last": value, "min": 0, "max": 1, "count": 3} for key, value in (metrics or {}).items()}
        record = {"schema_version": 1, "run_id": run_id, "state": state, "exit_code": 0 if state == "finished" else 3}
        self.put(f"refs/reprun/outcomes/{run_id}", json.dumps({**record, "ended": "2026-11-21T03:20:00Z", "metrics": values}).encode())

    def read_blobs(self, names: list[str]) -> Iterator[bytes | None]:
        self.conversations += 1
        with subprocess.Popen(
            ["git", "-C", str(self.folder), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin and process.stdout
            threading.Thread(target=self._ask, args=(process, names), daemon=True).start()
            for _ in names:
                header = process.stdout.readline().split()
                if header[-1] == b"missing":
                    yield None
                else:
                    yield process.stdout.read(int(header[2]) + 1)[:-1]

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], names: list[str]) -> None:
        assert process.stdin
        process.stdin.write("".join(f"{name}\n" for name in names).encode())
        process.stdin.close()

    def list_refs(self) -> list[tuple[str, str]]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/reprun").splitlines()
        return [(name, oid) for name, _, oid in (line.partition(" ") for line in lines)]

    def view(self) -> Index:
        return scan.view(self.path, self.git_dir, self.sources)

    def sync(self, *rows: Row) -> bool:
        return scan.sync(self.path, self.git_dir, self.sources, rows)

    def shown(self) -> list[tuple[str, str]]:
        with self.view() as index:
            return [(row.run_id, row.run_state.words) for row in index.newest(Filter(limit=0))]

    def fingerprint(self) -> dict[str, tuple[int, str]]:
        """Every file that reprun has in the Git directory: its modification time and its content."""
        files = sorted(Path(self.git_dir, "reprun").rglob("*"))
        return {str(path): (path.stat().st_mtime_ns, digest(path)) for path in [Path(self.git_dir, "reprun"), *files] if path.exists()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else " ".join(sorted(os.listdir(path)))


def parse_config(text: str, style: str) -> object:
    return json.loads(text) if style == "json" else tomllib.loads(text)


def manifest(run_id: str, name: str = "", config: str = "") -> bytes:
    body = f"""schema_version = 1
run_id = "{run_id}"
name = "{name}"
why = "because"
created = "2026-11-21T03:16:22Z"
parent = ""
[command]
argv = ["python", "train.py", "--out", "{{output}}"]
cwd = ""
[code]
commit = "{COMMIT}"
tree = "{"d" * 40}"
branch = "main"
[seeds]
root = 7
named = {{}}
[environment]
[variables]
[target]
name = "local"
"""
    if config:
        body += f"[config]\nformat = \"json\"\ntext = '{config}'\n"
    return seal(body.encode())


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
    folder = Path(repository.git_dir, "refs/reprun/manifests")
    now = time.time_ns()
    os.utime(folder, ns=(now, now))
    assert scan.sync(repository.path, repository.git_dir, replace(stuck, now_ns=lambda: now + 1))
    repository.run(ID(2), "finished")
    os.utime(folder, ns=(now, now))
    os.utime(folder.parent / "outcomes", ns=(now, now))
    assert [run_id for run_id, _ in repository.shown()] == [ID(2), ID(1)]


def test_a_writer_waits_for_the_clock_to_tick(repository: Repository) -> None:
    repository.run(ID(1), "finished")
    pauses: list[float] = []
    sources = replace(repository.sources, pause=lambda seconds: (pauses.append(seconds), time.sleep(seconds))[0])
    os.utime(Path(repository.git_dir, "refs/reprun/manifests"))
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
        assert find.get_run_id(index, "a") == ID(1)
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
    assert repository.shown() == before


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


def test_set_outcome(repository: Repository) -> None:
    repository.run(ID(1))
    assert repository.sync(Row(ID(1), state="running"))
    with ensure_index(repository.path) as index:
        index.set_outcome(ID(1), RunState("lost", "host rebooted"), "", {})
        assert index.find(ID(1)).run_state.words == "lost (host rebooted)"  # type: ignore[union-attr]
        index.set_outcome(ID(1), RunState("finished", exit_code=0), "now", {"acc": 1})
        index.set_outcome(ID(1), RunState("running"), "", {})
        index.set_outcome(ID(2), RunState("finished"), "", {})  # not known: nothing to tell
        row = index.find(ID(1))
        assert row and (row.state, row.ended, row.metrics_json) == ("finished", "now", '{"acc":1}')
        assert index.count() == 1


def test_a_lost_run_that_is_heard_of_again(repository: Repository) -> None:
    repository.run(ID(1), "lost")
    assert repository.sync()
    repository.end(ID(1), "finished")
    assert repository.shown() == [(ID(1), "finished 0")]


# --- filters and selectors ---


@pytest.fixture
def filled(repository: Repository) -> Iterator[Index]:
    rows = [
        Row(
            ID(number), name=("base", "base-2", "Ωmega", "")[number % 4], commit_id=f"{number:02x}" * 20, seed=number,
            config_json=json.dumps({"lr": number / 10, "näme": "x"}, separators=(",", ":")), metrics_json=json.dumps({"acc": number}, separators=(",", ":")),
            state="failed" if number % 5 == 0 else "finished",
        )
        for number in range(20)
    ]  # fmt: skip
    with ensure_index(repository.path) as index:
        index.add(*rows)
        yield index


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Filter(limit=3), [19, 18, 17]),
        (Filter(limit=0), list(range(19, -1, -1))),
        (Filter(name="base", limit=2), [16, 12]),
        (Filter(name="base*", limit=3), [17, 16, 13]),
        (Filter(name="base-[!1]"), [17, 13, 9, 5, 1]),
        (Filter(name="?mega", limit=1), [18]),
        (Filter(name="BASE"), []),
        (Filter(state="failed"), [15, 10, 5, 0]),
        (Filter(commit="0f"), [15]),
        (Filter(commit="0f0f0", state="finished"), []),
        (Filter(since="20261121-031617"), [19, 18, 17]),
        (Filter(where=(parse_where("lr=0.10"),)), [1]),
        (Filter(where=(parse_where("acc>=10"),), limit=2), [19, 18]),
        (Filter(where=(parse_where("acc<3"), parse_where("seed!=1"))), [2, 0]),
        (Filter(where=(parse_where("näme=x"),), limit=1), [19]),
        (Filter(where=(parse_where("nothing=1"),)), []),
        (Filter(name="base", state="failed", where=(parse_where("seed<5"),)), [0]),
    ],
)
def test_filters(filled: Index, wanted: Filter, numbers: list[int]) -> None:
    assert [row.run_id for row in filled.newest(wanted)] == [ID(number) for number in numbers]


def test_a_run_is_found_by_all_its_names(filled: Index) -> None:
    expected = {ID(3): 3, "20261121-031603": 3, "base": 16, "Ωmega": 18, "@last": 19, "@last~0": 19, "@last~2": 17}
    assert {text: find.get_run_id(filled, text) for text in expected} == {text: ID(number) for text, number in expected.items()}


def test_an_ambiguous_prefix_lists_what_it_could_mean(filled: Index) -> None:
    with pytest.raises(UsageError) as caught:
        find.get_run_id(filled, "20261121-03161")
    assert all(ID(number) in caught.value.message for number in (19, 18, 17, 16, 15))
    assert "…" in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [("bass", "did you mean base"), ("zzzzzz", "reprun ls"), (ID(40), "reprun ls"), ("19", "reprun ls"), ("@last~20", "reprun ls")],
)
def test_a_run_that_is_not_there(filled: Index, text: str, words: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        find.get_run_id(filled, text)
    assert words in caught.value.hint and text in caught.value.message


def test_a_name_that_looks_like_a_prefix_is_still_found(filled: Index) -> None:
    """Launch refuses such names, a colleague's older records may have them."""
    filled.add(Row(ID(30), name="1999"))
    assert find.get_run_id(filled, "1999") == ID(30)


def test_questions_do_not_walk_over_all_runs() -> None:
    """At 100,000 runs the plan is what counts: every common question is answered along an index."""
    with sqlite3.connect(":memory:") as db:
        for statement in sql.SETUP:
            db.execute(statement)
        for text, *values in (
            ("SELECT * FROM runs ORDER BY run_id DESC LIMIT 20",),
            ("SELECT * FROM runs WHERE name = ? ORDER BY run_id DESC LIMIT 1", "x"),
            ("SELECT * FROM runs WHERE run_id >= ? AND run_id < ? ORDER BY run_id DESC LIMIT 6", "2", "3"),
            (sql.SELECT_OPEN, 20),
        ):
            plan = " ".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}", values))
            assert "USING INDEX" in plan and "TEMP B-TREE" not in plan, plan
