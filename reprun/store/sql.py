"""The SQL of the index: its tables and the statements whose wording matters."""

from __future__ import annotations

from reprun.core.frozen import fields
from reprun.core.outcome import FINAL, STATES
from reprun.core.select import Filter
from reprun.store.rows import Row

SCHEMA = "2"
ENDED = ("finished", "failed", "stopped", "canceled")  # final for good; a run that was lost may still be heard of


def _quoted(states: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


_NAMES = tuple(field.name for field in fields(Row))
_KINDS = {"run_id": "TEXT PRIMARY KEY", "exit_code": "INTEGER", "seed": "INTEGER"}
_DONE = _quoted(ENDED)
# The plus keeps `by_state` out of it: the planner would rather sort all open runs than walk `still_open`.
_IS_OPEN = f"+state IN {_quoted(tuple(state for state in STATES if state not in FINAL))}"

COLUMNS = ", ".join(_NAMES)
CONFIG, METRICS, SEED = (_NAMES.index(name) for name in ("config_json", "metrics_json", "seed"))
MARKS = ", ".join("?" * len(_NAMES))
TABLE = "(" + ", ".join(f"{name} {_KINDS.get(name, 'TEXT')}" for name in _NAMES) + ")"
# Each index ends in run_id (run ids sort by time): "the newest of this name" is a look-up at any size.
SETUP = (
    "DROP TABLE IF EXISTS runs",
    "DROP TABLE IF EXISTS meta",
    f"CREATE TABLE runs {TABLE}",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)",
    "CREATE INDEX by_name ON runs (name, run_id)",
    "CREATE INDEX by_state ON runs (state, run_id)",
    "CREATE INDEX by_commit ON runs (commit_id, run_id)",
    f"CREATE INDEX still_open ON runs (run_id) WHERE {_IS_OPEN}",
    f"INSERT INTO meta VALUES ('schema', '{SCHEMA}')",  # noqa: S608
)

SELECT = f"SELECT {COLUMNS} FROM runs"  # noqa: S608 - made of the fields of Row
SELECT_OPEN = f"{SELECT} WHERE {_IS_OPEN} ORDER BY run_id DESC LIMIT ?"
SELECT_FINISHED = f"{SELECT} WHERE command = ? AND state = 'finished' ORDER BY run_id DESC LIMIT ?"
SELECT_UNENDED = f"SELECT run_id FROM runs WHERE state NOT IN {_DONE}"  # noqa: S608
# The names in use, one step through the index each: DISTINCT would walk over every run.
SELECT_NAMES = """WITH RECURSIVE each(name) AS (
  SELECT ''
  UNION ALL
  SELECT (SELECT name FROM runs WHERE runs.name > each.name ORDER BY name LIMIT 1)
  FROM each WHERE each.name IS NOT NULL
) SELECT name FROM each WHERE name > '' LIMIT ?"""

_OUTCOME = frozenset({"state", "reason", "exit_code", "ended", "metrics_json"})
# What is told of a known run never takes back its end, nor the folder that only the launching machine knows.
_NEWS = f"excluded.state IN {_DONE} OR (runs.state NOT IN {_DONE} AND excluded.state <> 'unknown')"
_MERGE = ", ".join(
    f"{name} = CASE WHEN {_NEWS} THEN excluded.{name} ELSE runs.{name} END"
    if name in _OUTCOME
    else f"{name} = coalesce(nullif(excluded.{name}, ''), runs.{name})"
    for name in _NAMES[1:]
)
ADD = f"INSERT INTO runs VALUES ({MARKS}) ON CONFLICT (run_id) DO UPDATE SET {_MERGE}"  # noqa: S608
ADD_NEWS = f"INSERT OR REPLACE INTO news VALUES ({MARKS})"  # noqa: S608
VIEW_NEWS = (
    f"CREATE TEMP VIEW IF NOT EXISTS runs AS SELECT {COLUMNS} FROM main.runs"  # noqa: S608
    f" WHERE run_id NOT IN (SELECT run_id FROM hidden) UNION ALL SELECT {COLUMNS} FROM news"
)


def conditions(wanted: Filter) -> tuple[str, list[str]]:
    """The condition that SQL can decide, and its values; of a `--where` only that its key occurs at all."""
    found: list[tuple[str, tuple[str, ...]]] = [("1", ())]
    if wanted.name:
        is_glob = any(char in wanted.name for char in "*?[")
        found.append(("name GLOB ?", (wanted.name.replace("[!", "[^"),)) if is_glob else ("name = ?", (wanted.name,)))
    if wanted.state:
        found.append(("state = ?", (wanted.state,)))
    if wanted.commit:
        found.append(("commit_id >= ? AND commit_id < ?", (wanted.commit, f"{wanted.commit}~")))
    if wanted.target:
        found.append(("target = ?", (wanted.target,)))
    if wanted.since:
        found.append(("run_id >= ?", (wanted.since,)))
    for where in wanted.where:
        if where.key != "seed":
            spelled = _spelled(where.key)
            found.append(("(instr(config_json, ?) OR instr(metrics_json, ?))", (spelled, spelled)))
    return " AND ".join(text for text, _ in found), [value for _, values in found for value in values]


def _spelled(key: str) -> str:
    """A key as `flat_json` writes it."""
    import json

    return json.dumps(key) + ":"
