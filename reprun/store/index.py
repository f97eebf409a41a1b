"""The index of all runs: one SQLite file that makes `ls` quick at any number. A cache: Git holds the truth.

It is written without fsync, which outlives a killed process but maybe not a power cut: a damaged file,
or one made by another version, is thrown away and filled again from the refs (`scan.py`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from reprun.core.errors import ToolError
from reprun.core.frozen import astuple
from reprun.core.select import Filter, Where
from reprun.store import sql
from reprun.store.rows import Row, values_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    _T = TypeVar("_T")

HINT = "try again; it is only a cache: deleting .git/reprun/index.sqlite is safe"


class Index:
    """An open index. Opened for reading it changes no byte on disk; `overlay` lays news over it in memory.

    `repair` is asked for another index when a page turns out to be damaged in the middle of a question.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.repair: Callable[[], Index] | None = None

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    # --- questions ---

    def newest(self, wanted: Filter = Filter()) -> list[Row]:
        """The newest runs that pass the filter, at most `wanted.limit` of them (0: all)."""
        return self._ask(lambda: list(islice(self._search(wanted), wanted.limit or None)))

    def find(self, run_id: str) -> Row | None:
        """The run with exactly this id, or None."""
        return next(iter(self._rows(f"{sql.SELECT} WHERE run_id = ?", run_id)), None)

    def find_last(self, back: int = 0) -> Row | None:
        """The newest run, or the one so many before it, or None."""
        return next(iter(self._rows(f"{sql.SELECT} ORDER BY run_id DESC LIMIT 1 OFFSET ?", back)), None)

    def prefix(self, prefix: str, limit: int) -> list[Row]:
        """The newest runs whose id begins with `prefix`."""
        # `~` sorts behind every character of a run id; a range, unlike LIKE, is sure to use the index.
        rest = "WHERE run_id >= ? AND run_id < ? ORDER BY run_id DESC LIMIT ?"
        return self._rows(f"{sql.SELECT} {rest}", prefix, f"{prefix}~", limit)

    def named(self, name: str, limit: int) -> list[Row]:
        """The newest runs of exactly this name."""
        return self._rows(f"{sql.SELECT} WHERE name = ? ORDER BY run_id DESC LIMIT ?", name, limit)

    def unfinished(self, limit: int) -> list[Row]:
        """The newest runs without a final state: those worth asking about."""
        return self._rows(sql.SELECT_OPEN, limit)

    def finished(self, command: str, limit: int) -> list[Row]:
        """The newest runs of exactly this command that have finished."""
        return self._rows(sql.SELECT_FINISHED, command, limit)

    def names(self, limit: int) -> list[str]:
        """The names in use, by the alphabet."""
        return self._ask(lambda: [name for (name,) in self._db.execute(sql.SELECT_NAMES, (limit,))])

    def count(self) -> int:
        """How many runs there are."""
        return self._ask(lambda: int(self._db.execute("SELECT count(*) FROM runs").fetchone()[0]))

    def ids(self) -> set[str]:
        """The ids of all runs."""
        return self._ask(lambda: {run_id for (run_id,) in self._db.execute("SELECT run_id FROM runs")})

    def unended(self) -> list[str]:
        """The ids of the runs of which an outcome would be news."""
        return self._ask(lambda: [run_id for (run_id,) in self._db.execute(sql.SELECT_UNENDED)])

    def get_meta(self, key: str) -> str:
        """A remark that `set_meta` left, or an empty text."""
        record = self._ask(lambda: self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone())
        return str(record[0]) if record else ""

    # --- changes; only on an index opened for writing ---

    def add(self, *rows: Row) -> None:
        """Adds runs in one transaction. To a known run it adds the news, but never takes back its end."""
        self._change(sql.ADD, map(astuple, rows))

    def drop(self, run_ids: Iterable[str]) -> None:
        """Forgets runs whose refs are gone."""
        self._change("DELETE FROM runs WHERE run_id = ?", ((run_id,) for run_id in run_ids))

    def set_meta(self, key: str, value: str) -> None:
        """Leaves a remark beside the runs."""
        self._change("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(key, value)])

    def set_up(self) -> None:
        """Makes the tables anew when they are missing or another version's."""
        with self._transaction():
            if not is_ours(self._db):
                for statement in sql.SETUP:
                    self._db.execute(statement)

    def overlay(self, rows: Iterable[Row], dropped: Iterable[str]) -> None:
        """Lets later questions see `rows` in place of what is stored, and none of `dropped`. A later call wins."""
        news = [astuple(row) for row in rows]
        hidden = [(run_id,) for run_id in (*dropped, *(record[0] for record in news))]
        self._db.execute("PRAGMA temp_store = MEMORY")
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS hidden (run_id TEXT PRIMARY KEY)")
        self._db.execute(f"CREATE TEMP TABLE IF NOT EXISTS news {sql.TABLE}")
        self._db.executemany("INSERT OR IGNORE INTO hidden VALUES (?)", hidden)
        self._db.executemany(sql.ADD_NEWS, news)
        # A temporary view is what `runs` means from here on: it is found before the table of the same name.
        self._db.execute(sql.VIEW_NEWS)

    # --- inside ---

    def _rows(self, text: str, *values: Any) -> list[Row]:
        return self._ask(lambda: [Row(*record) for record in self._db.execute(text, values)])

    def _search(self, wanted: Filter) -> Iterator[Row]:
        condition, values = sql.conditions(wanted)
        # With --where the limit counts what passes below, so here there is none (-1).
        limit = -1 if wanted.where or not wanted.limit else wanted.limit
        text = f"{sql.SELECT} WHERE {condition} ORDER BY run_id DESC LIMIT ?"
        for record in self._db.execute(text, (*values, limit)):
            if not wanted.where or _passes(record, wanted.where):
                yield Row(*record)

    def _ask(self, question: Callable[[], _T]) -> _T:
        try:
            return question()
        except sqlite3.Error as error:
            if self.repair is None or not is_damaged(error):
                raise ToolError(f"the run index cannot be read: {error}", hint=HINT) from error
        self._db, self.repair = self.repair()._db, None
        return self._ask(question)

    def _change(self, statement: str, records: Iterable[tuple[Any, ...]]) -> None:
        with self._transaction():
            self._db.executemany(statement, records)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise ToolError(f"the run index cannot be written: {error}", hint=HINT) from error
            raise


def is_damaged(error: BaseException | None) -> bool:
    """True for an error that says the file is no database, or no longer; false for a busy one."""
    damages = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in damages


def is_ours(db: sqlite3.Connection) -> bool:
    """True when the tables are there and of this version."""
    try:
        record = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            return False
        raise
    return record is not None and record[0] == sql.SCHEMA


def _passes(record: tuple[Any, ...], conditions: tuple[Where, ...]) -> bool:
    config, metrics = values_of(record[sql.CONFIG]), values_of(record[sql.METRICS])
    return all(where.matches(config, metrics, record[sql.SEED]) for where in conditions)
