"""Filters and names of runs, answered by the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from index_lab import ID, Repository

from reprun.core.errors import NotFoundError, UsageError
from reprun.core.select import Filter, parse_where
from reprun.store import find, sql
from reprun.store.index import Index
from reprun.store.opening import ensure_index
from reprun.store.rows import Row, flat_json


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def filled(repository: Repository) -> Iterator[Index]:
    rows = [
        Row(
            ID(number), name=("base", "base-2", "Ωmega", "")[number % 4], commit_id=f"{number:02x}" * 20, seed=number,
            config_json=flat_json({"lr": number / 10, "näme": "x"}), metrics_json=flat_json({"acc": number}),
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
        (Filter(where=(parse_where("acc<10"),), limit=2), [9, 8]),
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
    assert {text: find.get_run(filled, text).run_id for text in expected} == {
        text: ID(number) for text, number in expected.items()
    }


def test_an_ambiguous_prefix_lists_what_it_could_mean(filled: Index) -> None:
    with pytest.raises(UsageError) as caught:
        find.get_run(filled, "20261121-03161")
    assert all(ID(number) in caught.value.message for number in (19, 18, 17, 16, 15))
    assert "…" in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bass", "did you mean base"),
        ("zzzzzz", "reprun ls"),
        (ID(40), "reprun ls"),
        ("19", "reprun ls"),
        ("@last~20", "reprun ls"),
    ],
)
def test_a_run_that_is_not_there(filled: Index, text: str, words: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        find.get_run(filled, text)
    assert words in caught.value.hint and text in caught.value.message


def test_a_name_that_looks_like_a_prefix_is_still_found(filled: Index) -> None:
    """Launch refuses such names, a colleague's older records may have them."""
    filled.add(Row(ID(30), name="1999"))
    assert find.get_run(filled, "1999").run_id == ID(30)


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
