"""The link is cut for half a minute, by then every time limit of ssh is over, or for ever: what is said, and what is so."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest
from far_lab import Far, open_far
from lab import REPRUN, Answer, until

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux", "ssh", "sshd"), pytest.mark.timeout(300)]
CUT = 30.0  # seconds, as long as a host may be silent where nothing else is said
PACKETS = (2, 9, 14, 18)  # of the client, after which its link is cut: from the exchange of keys to the start


@pytest.fixture
def far() -> Iterator[Far]:
    with open_far() as far:
        yield far


def test_cuts_of_half_a_minute_at_different_steps(far: Far) -> None:
    """All at once, since each takes its time. Some get through by themselves; the others say how to go on."""
    relays = [far.lab.relay(far.host, f"gpu1-cut{packets}") for packets in PACKETS]
    (far.repo / "reprun.toml").write_text("".join(f'[targets.{relay.name}]\nhost = "{relay.name}"\n' for relay in relays))
    launches = []
    for relay, packets in zip(relays, PACKETS, strict=True):
        relay.when(relay.cut, "client", packets=packets)
        far.name = relay.name
        launches.append(subprocess.Popen([REPRUN, *far.words()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    for relay, launch in zip(relays, launches, strict=True):
        until(lambda: relay.fired.is_set() or launch.poll() is not None, f"{relay.name} is cut")  # noqa: B023
    since = time.monotonic()
    cut = {relay.name for relay in relays if relay.fired.is_set()}
    told = [item for item in far.call("status", "--json").data if item["target"] in cut]  # it waits for all of them at once
    assert {item["link"] for item in told} <= {"unreachable"} and {item["state"] for item in told} <= {"unstarted", "unreachable"}
    time.sleep(max(0.0, CUT - (time.monotonic() - since)))
    for relay in relays:
        relay.heal()
    for launch in launches:
        said, errors = launch.communicate(timeout=100)
        answer = Answer(launch.returncode, said, errors)
        if answer.rc:
            far.mend(far.broke(answer))
        else:
            far.ran(answer)
    assert list(far.executed().values()) == [1] * len(PACKETS)
