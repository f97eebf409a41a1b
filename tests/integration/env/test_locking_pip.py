"""Locks with packages of pip, from an index that the tests serve. No table of names is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Channel
from pypi_index import PypiIndex

from reprun.core.errors import ReprunError, ToolError, UsageError
from reprun.core.frozen import replace
from reprun.env.locking import Order, make_lock
from reprun.env.solver import OURS, find_solver
from reprun.env.sources import Sources

PLATFORM = "linux-64"


@pytest.fixture
def index(tmp_path: Path, private_home: Path) -> Iterator[PypiIndex]:
    """What conda-lock caches of it is in a home of its own."""
    with PypiIndex(tmp_path / "wheels") as served:
        served.add("abacus", "1.0", "tally>=1")
        served.add("tally", "0.9")
        yield served


def order_of(channel: Channel, index: PypiIndex, folder: Path, pip: str, seconds: float = 120) -> Order:
    text = f"channels: ['{channel.url}']\ndependencies: [python, pip, {{pip: [{pip}]}}]\n"
    text += f"pip-repositories: ['{index.url}']\nallow-pypi-requests: false\n"
    virtual = {"__unix": "0", "__glibc": "2.36"}
    return Order(Sources((("environment.yml", text.encode()),)), {PLATFORM: virtual}, str(folder / "cache"), seconds)


def failure(order: Order) -> ReprunError:
    with pytest.raises(ReprunError) as caught:
        make_lock(order, find_solver(OURS, {}), None, lambda said: None)
    assert "Traceback" not in caught.value.message and caught.value.hint
    return caught.value


def test_versions_that_do_not_go_together_are_said_with_their_reasons(
    conda_channel: Channel, index: PypiIndex, tmp_path: Path
) -> None:
    error = failure(order_of(conda_channel, index, tmp_path, "abacus, 'tally<1'"))
    assert isinstance(error, UsageError) and "environment.yml depends on both abacus (*) and tally (<1)" in error.message
    error = failure(order_of(conda_channel, index, tmp_path, "'-r requirements.txt'"))
    assert isinstance(error, UsageError) and "a line -r requirements.txt that is no requirement" in error.message


def test_an_index_that_is_away_or_hangs_is_a_sentence_and_no_wait(
    conda_channel: Channel, index: PypiIndex, tmp_path: Path
) -> None:
    index.answers.clear()
    error = failure(order_of(conda_channel, index, tmp_path, "abacus", seconds=4))
    assert isinstance(error, ToolError) and "no lock for environment.yml within 4 s" in error.message
    assert "is the index of pip reachable?" in error.hint
    order = order_of(conda_channel, index, tmp_path, "abacus")
    index.answers.set()
    index.shutdown()
    index.server_close()
    error = failure(order)
    assert isinstance(error, ToolError) and f"127.0.0.1:{index.server_address[1]}" in error.message
    assert "Connection refused" in error.message


def test_a_table_of_names_of_the_users_own_is_read(conda_channel: Channel, index: PypiIndex, tmp_path: Path) -> None:
    """With it conda's dialer is what pip calls tally, so that pip brings no other one."""
    table = tmp_path / "names.json"
    table.write_text('{"tally": {"pypi_name": "tally", "conda_name": "greeter"}}')
    index.add("tally", "1.0")
    order = order_of(conda_channel, index, tmp_path, "abacus")
    path, data = order.sources.files[0]
    order = replace(order, sources=Sources(((path, data.replace(b"[python, pip,", b"[python, greeter, pip,")),)))
    with_ours, with_theirs = (
        make_lock(replace(order, names=names), find_solver(OURS, {}), None, lambda said: None).decode()
        for names in ("", str(table))
    )
    assert "- name: tally\n" in with_ours and "- name: tally\n" not in with_theirs
