"""Torn, emptied and foreign files in the place of ours: the index is made again, and a journal loses only what cannot be read."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_lab import Reprun, run

pytestmark = pytest.mark.e2e
Damage = Callable[[Path], object]
COMMANDS = (["ls"], ["status"], ["show", "@last"], ["resume", "@last"])


def replaced(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "x").mkdir(parents=True)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '2' WHERE key = 'schema'")
        db.execute("ALTER TABLE runs ADD COLUMN of_the_future TEXT")
    db.close()


def a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def odd_rows(path: Path) -> None:
    """Rows that are no rows."""
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET config_json = 'no json', metrics_json = '[1]', state = 'evil', exit_code = 'x', seed = 'y'")
    db.close()


INDEX: dict[str, Damage] = {
    "zero bytes": lambda path: replaced(path, b""),
    "garbage": lambda path: replaced(path, b"garbage" * 1000),
    "nul": lambda path: replaced(path, b"\0" * 8192),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "header only": lambda path: os.truncate(path, 100),
    "a folder": a_folder,
    "a newer version": newer,
    "no permission": lambda path: path.chmod(0),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("/nowhere/x")),
    "hot journal of garbage": lambda path: replaced(path.with_name("index.sqlite-journal"), b"garbage"),
    "odd rows": odd_rows,
}


@pytest.mark.parametrize("damage", INDEX)
def test_the_index(repo: Path, reprun: Reprun, damage: str) -> None:
    first = run(reprun, "--name", "one", "--", "true")["run_id"]
    INDEX[damage](repo / ".git" / "reprun" / "index.sqlite")
    for words in COMMANDS:
        answer = reprun(*words)
        assert answer.rc in (0, 3, 6) and first in reprun("ls", "--json").stdout, (words, answer)
    second = run(reprun, "--name", "two", "--", "true")["run_id"]
    assert {row["run_id"] for row in reprun("ls", "--json").data} == {first, second}


def test_an_index_that_somebody_else_has_locked(repo: Path, reprun: Reprun) -> None:
    """Five seconds are waited at most, and the run is started and listed all the same."""
    first = run(reprun, "--", "true")["run_id"]
    path = repo / ".git" / "reprun" / "index.sqlite"
    hold = f"import sqlite3; db = sqlite3.connect({str(path)!r}); db.execute('BEGIN EXCLUSIVE'); print(1, flush=True); input()"
    with subprocess.Popen(["python3", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline()
        answer = reprun("launch", "--json", "--", "true")
        assert answer.rc == 0
        listed = reprun("ls", "--json")
        assert listed.rc in (0, 5) and "Traceback" not in listed.stderr
        assert holder.stdin
        holder.stdin.close()
    assert {row["run_id"] for row in reprun("ls", "--json").data} == {first, answer.data["run_id"]}


def _odd(step: str) -> bytes:
    """A line of the journal in which nothing is what it should be."""
    fields = {"step": step, "spec": [], "snapshot": 1, "run_dir": {}, "digest": [], "process": "x"}
    return json.dumps(fields).encode() + b"\n"


_ODD = b"".join(map(_odd, ("begin", "snapshot", "sealed", "submit")))
JOURNAL: dict[str, Damage] = {
    "zero bytes": lambda path: replaced(path, b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size - 5),
    "no newline": lambda path: os.truncate(path, path.stat().st_size - 1),
    "nul": lambda path: replaced(path, b"\0" * 5000),
    "garbage": lambda path: replaced(path, b"\xff\xfe garbage\n{]\n"),
    "odd json": lambda path: replaced(path, b'[]\n1\n{"step": 1}\n' + _ODD),
    "deep json": lambda path: replaced(path, b"[" * 200_000 + b"\n"),
    "a huge line": lambda path: replaced(path, b'{"step": "begin", "x": "' + b"x" * 20_000_000 + b'"}\n'),
    "a folder": a_folder,
    "a pipe": a_pipe,
    "a link": a_link,
    "no permission": lambda path: path.chmod(0),
}  # fmt: skip


@pytest.mark.parametrize("damage", JOURNAL)
def test_the_journal(repo: Path, reprun: Reprun, home: Path, damage: str) -> None:
    """Closed, and open as of a launch that was interrupted: no command fails, and nothing is started a second time."""
    counter = home / "counter"
    data = run(reprun, "--", "sh", "-c", f"echo started >> {counter}")
    folder = repo / ".git" / "reprun" / "journal"
    closed = folder / f"{data['run_id']}.jsonl"
    JOURNAL[damage](closed)
    (folder / "open").mkdir(exist_ok=True)
    lost = folder / "open" / "20260101-000000-000000.jsonl"
    lost.write_bytes(b'{"step": "begin", "spec": {}, "at": "x"}\n')
    JOURNAL[damage](lost)
    for name in ("x.jsonl", "...jsonl", "-rf.jsonl", ".jsonl"):
        (folder / "open" / name).write_bytes(b"{}\n")
    for words in (
        ["status"],
        ["doctor"],
        ["resume", "@last"],
        ["gc", "--yes"],
        ["resume", "20260101-000000-000000"],
        ["show", data["run_id"]],
    ):
        answer = reprun(*words)
        assert answer.rc in (0, 3, 5, 6) and (answer.rc != 5 or damage == "a folder"), (words, answer)
    assert counter.read_text() == "started\n" and (home / "runs" / data["run_id"]).is_dir()
    assert reprun("launch", "--", "true").rc == 0
