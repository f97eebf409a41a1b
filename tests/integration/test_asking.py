"""One request for each host, however many runs; counted by hosts that hand every request on to this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from reprun.commands.states import find_states
from reprun.core.errors import UnreachableError
from reprun.hosts.base import Attached
from reprun.hosts.local import LocalHost
from reprun.schedulers.tmux import TmuxScheduler
from reprun.store.rows import Row
from reprun.store.sightings import Sightings
from reprun.targets import Target
from reprun.workspace import Workspace, open_workspace

HOSTS = ("gpu1", "gpu2", "gpu3")


class CountingHost(LocalHost):
    """A host that is far, counts what it is asked, and with `meeting` answers only while the others are asked too."""

    is_here = False

    def __init__(self, name: str, meeting: Barrier | None = None) -> None:
        self.name = name
        self.meeting = meeting
        self.asked: list[Mapping[str, Any]] = []

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None) -> dict[str, Any]:
        self.asked.append(request)
        if self.meeting is not None:
            self.meeting.wait(60)
        return super().ask(request, attached)


class BrokenHost(CountingHost):
    """A host that cannot be reached."""

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None) -> dict[str, Any]:
        self.asked.append(request)
        raise UnreachableError(f"{self.name} cannot be reached")


@pytest.fixture
def workspace(repo: Path, home: Path) -> Workspace:
    (repo / "reprun.toml").write_text("".join(f'[targets.{name}]\nhost = "{name}"\n' for name in HOSTS))
    return open_workspace()


def use(workspace: Workspace, *hosts: CountingHost) -> None:
    for name, host in zip(HOSTS, hosts, strict=True):
        workspace.targets[name] = Target(name, host, TmuxScheduler())


def runs(workspace: Workspace, home: Path, count: int, homes: int = 1) -> list[Row]:
    """Runs of this repository that are submitted, and of which the folders say `running` or nothing."""
    closed = Path(workspace.repository.state_dir, "journal")
    closed.mkdir(parents=True)
    rows = []
    for number in range(count):
        run_id = f"20261121-{number:06d}-aaaaaa"
        folder = home / f"home{number % homes}" / "runs" / run_id
        line = {"step": "submit", "run_dir": str(folder)}
        (closed / f"{run_id}.jsonl").write_text(json.dumps(line) + "\n")
        rows.append(Row(run_id, target=HOSTS[number % 3], run_dir=str(folder)))
    return rows


def test_500_runs_on_three_hosts_are_one_request_each_at_the_same_time(workspace: Workspace, home: Path) -> None:
    meeting = Barrier(3)
    hosts = [CountingHost(name, meeting) for name in HOSTS]
    use(workspace, *hosts)
    found = find_states(workspace, runs(workspace, home, 500))
    assert [len(host.asked) for host in hosts] == [1, 1, 1]
    assert sum(len(host.asked[0]["run_ids"]) for host in hosts) == len(found) == 500
    assert {state.words for state in found.values()} == {"lost (its folder is gone)"}


def test_each_home_is_asked_apart_in_one_thread(workspace: Workspace, home: Path) -> None:
    hosts = [CountingHost(name) for name in HOSTS]
    use(workspace, *hosts)
    find_states(workspace, runs(workspace, home, 24, homes=2))
    assert [sorted(str(request["home"])[-1] for request in host.asked) for host in hosts] == [["0", "1"]] * 3


def test_a_host_that_is_gone_is_tried_once(workspace: Workspace, home: Path) -> None:
    broken = BrokenHost("gpu1")
    use(workspace, broken, CountingHost("gpu2"), CountingHost("gpu3"))
    rows = runs(workspace, home, 24, homes=2)
    found = find_states(workspace, rows)
    assert len(broken.asked) == 1
    assert [found[row.run_id].state for row in rows[:3]] == ["unreachable", "lost", "lost"]
    assert [error.message for error in workspace.troubles] == ["gpu1 cannot be reached"]


def test_two_names_of_one_host_are_asked_together(workspace: Workspace, home: Path) -> None:
    host = CountingHost("the-host")
    use(workspace, host, CountingHost("the-host"), CountingHost("the-host"))
    find_states(workspace, runs(workspace, home, 9))
    assert len(host.asked) == 1 and len(host.asked[0]["run_ids"]) == 9


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', '{"x": {"state": "odd", "at": 1}}', '{"x": {"state": "lost"}}'])
def test_a_damaged_memo_says_nothing(tmp_path: Path, text: str) -> None:
    sightings = Sightings(str(tmp_path))
    Path(sightings.path).write_text(text)
    assert sightings.read() == {}
    Path(sightings.path).unlink()
    Path(sightings.path).mkdir()
    assert sightings.read() == {}
    sightings.add({}, ["x"])
