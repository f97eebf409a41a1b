"""The table of the queue: which runs wait, in which order, for which slots. It schedules, and decides nothing else: whether a run
was started is a matter of its folder. So it is an index that can be made anew from the folders, and a damaged one is set aside.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, locked
from reprun.runner.paths import Home, is_on_network

try:
    import sqlite3
except ImportError:  # a Python that was built without it
    raise RunnerError(
        "tool", "Python on this host has no sqlite3, which the queue needs", "apt-get install libsqlite3-0"
    ) from None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, TypeVar

    T = TypeVar("T")

VERSION = 1
_SCHEMA = """
CREATE TABLE entries (run_id TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', priority REAL NOT NULL,
  rank REAL NOT NULL, created REAL NOT NULL, project TEXT NOT NULL, sweep TEXT NOT NULL, slot TEXT NOT NULL DEFAULT '',
  began REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '',
  signature TEXT NOT NULL DEFAULT '', changed INTEGER NOT NULL, entry TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX by_state ON entries (state);
CREATE INDEX by_change ON entries (changed);
CREATE INDEX by_sweep ON entries (sweep) WHERE sweep <> '';
CREATE TABLE slots (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, gpus TEXT, configured INTEGER NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL, run_id TEXT NOT NULL, slot TEXT NOT NULL, what TEXT NOT NULL,
  why TEXT NOT NULL);
CREATE INDEX by_time ON events (time);
CREATE TABLE meta (key TEXT PRIMARY KEY, value NUMERIC NOT NULL);
INSERT INTO meta VALUES ('changes', 0), ('last', 0);
"""


class Table:
    """An open database. Every method is one transaction."""

    def __init__(self, path: str, durable: bool) -> None:
        self.path = path
        with contextlib.suppress(OSError):  # SQLite would leave it open to others
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self.db = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        # A shared disk has no memory that two machines share; where there is, readers and the writer do not wait for each other.
        self.db.execute("PRAGMA journal_mode = %s" % ("TRUNCATE" if is_on_network(os.path.dirname(path)) else "WAL")).fetchone()
        self.db.execute("PRAGMA synchronous = %s" % ("FULL" if durable else "NORMAL"))
        self.file = os.stat(path).st_ino

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
            self.db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise

    def change(self, count: int = 1) -> int:
        """The number of the first of so many changes, within a transaction: the worker looks for rows with a newer number than
        it has seen. Each changed row has one of its own."""
        self.db.execute("UPDATE meta SET value = value + ? WHERE key = 'changes'", (count,))
        return int(self.db.execute("SELECT value FROM meta WHERE key = 'changes'").fetchone()[0]) - count + 1

    def rows(self, where: str = "1", values: Sequence[Any] = ()) -> List[sqlite3.Row]:
        """The entries that match."""
        return self.db.execute("SELECT * FROM entries WHERE " + where, values).fetchall()  # noqa: S608  # our own words

    def note(self, what: str, run_id: str = "", slot: str = "", why: str = "") -> None:
        """Adds an event, within a transaction."""
        self.db.execute(
            "INSERT INTO events (time, run_id, slot, what, why) VALUES (?, ?, ?, ?, ?)", (time.time(), run_id, slot, what, why)
        )

    def is_replaced(self) -> bool:
        """True when the file was removed or set aside meanwhile."""
        try:
            return os.stat(self.path).st_ino != self.file
        except OSError:
            return True

    def close(self) -> None:
        """Closes it; whatever was written is."""
        with contextlib.suppress(sqlite3.Error):
            self.db.close()


def add(table: Table, entries: "Iterable[tuple[str, Dict[str, Any]]]", state: str = "queued", reason: str = "") -> List[str]:
    """Adds entries in their order, within a transaction; those that are there already stay as they are. Answers with the new."""
    entries, now = list(entries), time.time()
    change = table.change(len(entries))
    last = float(table.db.execute("SELECT value FROM meta WHERE key = 'last'").fetchone()[0])
    added = []
    for number, (run_id, entry) in enumerate(entries):
        # A further attempt is entered before the run that it is one at, and stands behind it.
        last += not entry["retry_of"]
        rank = last + 1 + entry["attempt"] / 1000 if entry["retry_of"] else last
        created = float(entry.get("created") or now)
        done = table.db.execute(
            "INSERT OR IGNORE INTO entries (run_id, state, reason, priority, rank, created, project, sweep, changed, entry)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run_id,
                state,
                reason,
                entry["priority"],
                rank,
                created,
                entry["project"],
                entry["sweep"],
                change + number,
                _dump(entry),
            ),
        )
        if done.rowcount:
            added.append(run_id)
    table.db.execute("UPDATE meta SET value = ? WHERE key = 'last'", (last,))
    return added


def _dump(entry: Dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":"))


def entry_of(row: sqlite3.Row, read: "Callable[[Any], Any]" = json.loads) -> Dict[str, Any]:
    """The entry in a row. SQLite has no checksums: one that cannot be read is damage like any other. Raises `DatabaseError`."""
    try:
        entry = read(row["entry"])
    except (TypeError, ValueError):
        entry = None
    if not isinstance(entry, dict) or not isinstance(row["priority"], float) or not isinstance(row["rank"], float):
        raise sqlite3.DatabaseError("the entry of %s cannot be read" % row["run_id"])
    return entry


@contextlib.contextmanager
def opened(home: Home, durable: bool = True) -> Iterator[Table]:
    """The queue of this host, for one request. Raises `RunnerError`."""
    table = open_table(home, durable)
    try:
        yield table
    finally:
        table.close()


def with_table(home: Home, act: "Callable[[Table], T]") -> "T":
    """What `act` answers; on a database that turns out to be damaged it acts again, on one that was made anew."""
    try:
        with opened(home) as table:
            return act(table)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise trouble(home, error) from None
    set_aside(home)
    try:
        with opened(home) as table:
            return act(table)
    except sqlite3.DatabaseError as error:
        raise trouble(home, error) from None


def open_table(home: Home, durable: bool) -> Table:
    """Opens it, and makes it from the run folders where there is none that can be used."""
    folder = ensure_dir(home.queue())
    path = os.path.join(folder, "queue.db")
    for attempt in (1, 2, 3):
        if os.path.lexists(path) and not os.path.isfile(path):  # a folder, a link to nowhere
            set_aside(home)
        try:
            table = Table(path, durable)
            version = int(table.db.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                _make(home, table)
            elif version != VERSION:
                table.close()
                raise RunnerError("refused", "the queue on this host is of another version of reprun", "pip install -U reprun")
            return table
        except sqlite3.DatabaseError as error:
            if not is_damage(error) or attempt == 3:
                raise trouble(home, error) from None
            set_aside(home)
    raise AssertionError


def _make(home: Home, table: Table) -> None:
    from reprun.runner.queue_rebuild import rebuild

    with locked(_lock(home), exclusive=True):
        if int(table.db.execute("PRAGMA user_version").fetchone()[0]):
            return
        with table.writing() as db:
            for statement in _SCHEMA.split(";"):
                if statement.strip():
                    db.execute(statement)
            rebuild(home, table)
            db.execute("PRAGMA user_version = %d" % VERSION)


def is_damage(error: sqlite3.Error) -> bool:
    """True for what another try will not mend: the file is not a database of ours."""
    if not isinstance(error, sqlite3.OperationalError):
        return isinstance(error, sqlite3.DatabaseError) and type(error) is sqlite3.DatabaseError
    return any(word in str(error) for word in ("no such table", "no such column", "has no column"))


def set_aside(home: Home) -> Optional[str]:
    """Gives a damaged database another name; nothing of it is deleted. Who has it open goes on to the new one."""
    path = os.path.join(home.queue(), "queue.db")
    with locked(_lock(home), exclusive=True):
        if _is_sound(path):
            return None  # somebody has been quicker
        aside = "%s.damaged-%d-%d" % (path, int(time.time()), os.getpid())
        for end in ("-wal", "-shm", "-journal", ""):
            with contextlib.suppress(FileNotFoundError):
                os.rename(path + end, aside + end)
    return aside


def _is_sound(path: str) -> bool:
    if not os.path.isfile(path):
        return not os.path.lexists(path)
    try:
        db = sqlite3.connect(path, timeout=60, isolation_level=None)
        try:
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return False
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version:
                db.execute("SELECT value FROM meta WHERE key = 'changes'").fetchone()
                db.row_factory = sqlite3.Row
                for row in db.execute("SELECT run_id, changed, priority, rank, entry FROM entries"):
                    entry_of(row)
                db.execute("SELECT position FROM slots, events LIMIT 1").fetchone()
            return bool(version) or not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        return not is_damage(error)
    except sqlite3.DatabaseError:
        return False


def trouble(home: Home, error: sqlite3.Error) -> RunnerError:
    """What SQLite says, for people."""
    path = os.path.join(home.queue(), "queue.db")
    hint = "fuser -v %s" % path if "locked" in str(error) else "df -h %s" % home.root
    return RunnerError("tool", "the queue (%s) cannot be used: %s" % (path, error), hint)


def _lock(home: Home) -> str:
    return os.path.join(home.queue(), "db.lock")
