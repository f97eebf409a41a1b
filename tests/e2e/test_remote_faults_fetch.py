"""The link breaks at many moments of a `pull` and of an `import`: the same command goes on by itself and ends well."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from far_lab import Far, open_far

from reprun.commands.importing import adopt, find_on
from reprun.commands.pulling import pull
from reprun.results.choosing import Wish
from reprun.workspace import open_workspace

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux"), pytest.mark.timeout(300)]
JOB = ("sh", "-c", 'for name in a b c; do head -c 70000 /dev/urandom > "$REPRUN_OUTPUT/$name"; done')
MOST = 60  # packets


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    with open_far() as far:
        yield far


@pytest.fixture(scope="module")
def run(far: Far) -> dict[str, Any]:
    """A run on the host behind the relay; it is over, and has left three files."""
    far.describe(timeout=20)
    data: dict[str, Any] = far.launch(*JOB).data
    assert far.state(data["run_id"]) == "finished"
    return data


def at_every_packet(far: Far, fetch: Callable[[int], None]) -> None:
    """Fetches with a reset at the first packet of the host, the third, … until the fault comes too late."""
    for number in range(1, MOST, 2):
        far.relay.when(far.relay.reset, "server", packets=number)
        fetch(number)
        over = not far.relay.fired.is_set()
        far.relay.heal()
        if over:
            assert number > 6, "there are more packets"
            return
    raise AssertionError("it has no end")


def _outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "output").iterdir()}


def test_a_pull(far: Far, run: dict[str, Any], tmp_path: Path) -> None:
    there = _outputs(Path(run["run_dir"]))
    assert set(there) == {"a", "b", "c"}

    def fetch(number: int) -> None:
        workspace = open_workspace()
        to = tmp_path / str(number)
        done = pull(workspace, workspace.find_run(run["run_id"]), Wish(), str(to))
        assert not done.problems and _outputs(to) == there and not (to / ".arriving").exists()

    at_every_packet(far, fetch)


def test_an_import(far: Far, run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time into a new clone that has nothing of the run."""

    def fetch(number: int) -> None:
        clone = tmp_path / str(number)
        subprocess.run(["git", "clone", "-q", "--no-local", str(far.repo), str(clone)], check=True)
        (clone / "reprun.toml").write_bytes((far.repo / "reprun.toml").read_bytes())
        monkeypatch.chdir(clone)
        workspace = open_workspace()
        (done,) = adopt(workspace, far.name, find_on(workspace, far.name), (run["run_id"],))
        assert not done.problem
        subprocess.run(["git", "rev-list", "--objects", "--quiet", f"refs/reprun/runs/{run['run_id']}"], check=True)

    at_every_packet(far, fetch)
