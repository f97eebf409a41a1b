"""What nobody has used for long goes; what a process works with, here or on another machine with the same disk, stays."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from reprun.runner import housekeeping
from reprun.runner.disused import list_disused, remove_disused
from reprun.runner.identity import here, own
from reprun.runner.paths import Home

STORE = "repos/key.git"
HOUR = 3600


@pytest.fixture
def place(tmp_path: Path) -> Home:
    """The folder of a host."""
    (tmp_path / STORE / "lfs" / "tmp").mkdir(parents=True)
    (tmp_path / "runners").mkdir()
    return Home(str(tmp_path))


def age(path: Path, hours: float) -> Path:
    os.utime(path, (time.time() - hours * HOUR,) * 2)
    return path


def part(place: Home, name: str, hours: float, storage: str = "") -> Path:
    """A content that came in part."""
    path = Path(storage or place.store("key") + "/lfs", "tmp", f"{name * 64}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"begun")
    return age(path, hours)


def runner(place: Home, digit: str, hours: float) -> Path:
    """One that was sent once."""
    path = Path(place.runners, digit * 32)
    path.mkdir()
    (path / "main.py").write_text("pass\n" * 1000)
    return age(path, hours)


def found(place: Home) -> set[Path]:
    return {Path(item["path"]) for item in list_disused(place, place.store("key"))}


def started(place: Home, number: int, hours: float, **more: Any) -> None:
    """A run of which another machine says that it runs."""
    run = place.run(f"20261121-031622-m4k7q{number}")
    os.makedirs(run.path)
    record = {"state": "running", "supervisor": own(), **here(), "boot_id": "another", "hostname": "gpu2", **more}
    Path(run.started).write_text(json.dumps(record))
    age(Path(run.started), hours)


def test_parts_of_files(place: Home) -> None:
    old, held, new = part(place, "a", 7), part(place, "b", 7), part(place, "c", 5)
    with held.open("rb"):
        assert found(place) == {old}
        removed = remove_disused(place, place.store("key"), [str(old), str(held), str(new), place.root])
    assert removed == [str(old)] and not old.exists() and held.exists() and new.exists()
    assert found(place) == {held}
    package = part(place, "a", 7, place.packages)
    assert found(place) == {held, package}


def test_runners(place: Home) -> None:
    old, new = runner(place, "a", 25), runner(place, "b", 23)
    other = Path(place.runners, "notes")
    other.mkdir()
    age(other, 99)
    assert found(place) == {old}
    assert remove_disused(place, place.store("key"), [str(old), str(new), str(other)]) == [str(old)]
    assert sorted(Path(place.runners).iterdir()) == [new, other]


def test_runners_that_another_machine_uses(place: Home) -> None:
    """It shares the disk. One of a version that did not record its runner may use any; one that is silent for a day, none."""
    used, free, lost = runner(place, "a", 25), runner(place, "b", 25), runner(place, "c", 25)
    started(place, 1, 0.1, runner=str(used))
    started(place, 2, 25, runner=str(lost))
    assert found(place) == {free, lost}
    started(place, 3, 0.1)
    assert found(place) == set()


def test_a_transfer_on_another_machine_with_this_disk(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """That its process is not here says nothing; that nothing came for hours does."""
    subprocess.run(["git", "init", "-q", "--bare", place.store("key")], check=True)
    new, old = (Path(place.store("key"), f"incoming.{pid}.tmp") for pid in (4194305, 4194306))  # no machine has such processes
    new.mkdir()
    old.mkdir()
    age(old, 7)
    survey = {"key": "key"}
    assert set(housekeeping.survey(place, survey)["leftovers"]) == {str(new), str(old)}
    monkeypatch.setattr(housekeeping, "is_on_network", lambda _: True)
    assert housekeeping.survey(place, survey)["leftovers"] == [str(old)]
