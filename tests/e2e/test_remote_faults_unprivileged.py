"""Logins that permissions bind: a home, or a part of it, that may not be written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from far_lab import Far, open_far
from lab import until

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux", "ssh", "sshd", "setpriv"), pytest.mark.timeout(300)]
PLACE = Path(".local", "share", "reprun")


@pytest.fixture(scope="module")
def hosts() -> Iterator[Far]:
    with open_far() as far:
        far.count.chmod(0o666)
        yield far


@pytest.fixture
def far(hosts: Far) -> Iterator[Far]:
    """A host that is new. Afterwards nothing was executed twice."""
    hosts.move(f"host{len(hosts.lab.hosts)}", nobody=True)
    yield hosts
    assert set(hosts.executed().values()) <= {1}


def test_a_home_that_never_could_be_written(far: Far) -> None:
    far.host.home.chmod(0o500)
    run_id = far.broke(far.launch(), 5)
    assert "Permission denied" in far.said and str(far.host.home) in far.said
    far.host.home.chmod(0o700)
    far.mend(run_id)


@pytest.mark.parametrize("part", ["", "worktrees"])
def test_a_part_of_it_that_may_not_be_written_any_more(far: Far, part: str) -> None:
    """What has run can still be looked at."""
    earlier = far.ran(far.launch())
    assert far.state(earlier) == "finished"
    until(lambda: not list((far.host.home / PLACE).glob("runs/*/started.json")), "it is at rest")
    folders = [path for path in (far.host.home / PLACE / part, *(far.host.home / PLACE / part).rglob("*")) if path.is_dir()]
    modes = {path: path.stat().st_mode for path in folders}
    for path in folders:
        path.chmod(0o500)
    answer = far.launch()
    assert far.call("show", earlier).rc == 0 and far.call("logs", earlier).rc == 0
    for path, mode in modes.items():
        path.chmod(mode)
    run_id = far.broke(answer, 5)
    assert "Permission denied" in far.said
    far.mend(run_id)
