"""gc removes environments that nothing needs, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from conda_channel import Channel
from env_lab import make, request
from lab import processes_of, until

from reprun.runner.files import locked, write_json
from reprun.runner.main import handle
from reprun.runner.paths import Home


def survey(home: Path, keep: int = 0) -> list[str]:
    """The names of the environments that could go."""
    answer = handle({"op": "survey", "home": str(home), "key": "project", "keep": keep})
    return [one["name"] for one in answer["environments"]]


def remove(home: Path, *names: str) -> list[str]:
    """Asks for their removal."""
    answer = handle({"op": "remove", "home": str(home), "key": "project", "environments": list(names)})
    return list(answer["removed"])


def name(record: dict[str, Any]) -> str:
    """Its folder."""
    return os.path.basename(record["prefix"])


def test_the_ones_used_last_and_those_of_unfinished_runs_stay(conda_channel: Channel, home: Path) -> None:
    one, two, three = (make(home, conda_channel.plan(*names)) for names in (("dial",), ("dialer",), ("dial", "dialer")))
    for at, record in enumerate((two, three, one)):
        os.utime(record["prefix"] + ".lock", (at, at))
    assert survey(home, keep=1) == [name(three), name(two)] and survey(home, keep=3) == []
    run = Home(str(home)).run("20260101-000000-run")
    os.makedirs(run.path)
    write_json(run.launch, {"worktree": {}, "environment": two["digest"]})
    assert survey(home) == [name(one), name(three)]
    unpacked = home / "pkgs" / "unpacked"
    assert sorted(path.name for path in unpacked.glob("dial*")) == [
        "dial-2.0-h0_0", "dial-2.0-h0_0.lock", "dialer-1.0-h0_0", "dialer-1.0-h0_0.lock"
    ]  # fmt: skip
    removed = remove(home, name(one), name(two), name(three), "../runs")
    assert removed == [one["prefix"], three["prefix"], str(unpacked / "dial-2.0-h0_0")]
    assert sorted(path.name for path in unpacked.glob("dial*")) == ["dialer-1.0-h0_0", "dialer-1.0-h0_0.lock"]
    assert make(home, conda_channel.plan("dialer")) == two
    os.rename(run.launch, run.outcome)
    assert survey(home) == [name(two)]


def test_what_is_half_made_can_go_unless_it_is_being_made(conda_channel: Channel, home: Path) -> None:
    plan = conda_channel.plan("dial")
    prefix = home / "envs" / plan["digest"][:32]
    (prefix / "bin").mkdir(parents=True)
    with locked(f"{prefix}.lock", exclusive=True):
        assert survey(home, keep=9) == [] and remove(home, prefix.name) == []
    assert survey(home, keep=9) == [prefix.name]
    assert remove(home, prefix.name) == [str(prefix)] and not prefix.exists()
    handle(request(home, plan))
    until(lambda: not processes_of(str(home)))
    assert make(home, plan)["digest"] == plan["digest"]
