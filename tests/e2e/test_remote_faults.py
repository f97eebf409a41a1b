"""The link to a host breaks at every moment of a launch: the job is executed exactly once, and never is anything forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from far_lab import JOB, Far, commands, masters, open_far, ssh_clients
from lab import REPRUN, Answer, until

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux"), pytest.mark.timeout(300)]
QUIET = 0.3  # seconds: after them a host has done what it was asked
MOST = 40  # packets of a launch


@pytest.fixture(scope="module")
def hosts() -> Iterator[Far]:
    with open_far() as far:
        yield far


@pytest.fixture
def far(hosts: Far) -> Iterator[Far]:
    """A host that was launched on before, over a connection that stands. Afterwards nothing was executed twice."""
    hosts.relay.heal()
    hosts.relay.delay_ms = 0
    hosts.host.restart()  # a test may have ended before it was to be up again
    hosts.describe()
    hosts.ran(hosts.launch())
    yield hosts
    assert set(hosts.executed().values()) == {1}


@contextmanager
def a_moment_after(far: Far, do: Callable[[], object]) -> Iterator[None]:
    """Does something a moment after what `relay.when` was told has happened, if it does while the block runs."""
    over, done = threading.Event(), threading.Event()

    def act() -> None:
        while not over.is_set():
            if far.relay.fired.wait(0.01):
                over.wait(QUIET)
                do()
                done.set()
                break

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        far.relay.heal()
        if far.relay.fired.is_set() and not done.is_set():  # at the very end of the block
            do()


def at_every_packet(far: Far, launch: Callable[[int], Answer]) -> None:
    """Launches with a fault at the first packet, the second, … until the launch was over before the fault came."""
    for number in range(1, MOST):
        answer = launch(number)
        over = not far.relay.fired.is_set()
        far.relay.heal()
        far.ran(answer)
        if over:
            assert number > 4, "a launch has more packets"
            return
    raise AssertionError("the launch has no end")


def test_the_answer_is_lost_after_any_request_though_the_host_has_acted(far: Far) -> None:
    """Whatever the host was told last it does, and says so into the void; then the link is back."""

    def lose_and_heal() -> None:
        far.relay.reset()
        far.relay.heal()

    def launch(number: int) -> Answer:
        far.relay.when(far.relay.cut, "client", packets=number)
        with a_moment_after(far, lose_and_heal):
            return far.launch()

    at_every_packet(far, launch)


def test_the_link_is_reset_after_any_answer(far: Far) -> None:
    def launch(number: int) -> Answer:
        far.relay.when(far.relay.reset, "server", packets=number)
        return far.launch()

    at_every_packet(far, launch)


def test_a_cut_of_a_second_is_not_noticed(far: Far) -> None:
    accepted = far.relay.accepted
    far.relay.when(far.relay.cut, "client", packets=5)
    with a_moment_after(far, far.relay.heal):
        far.ran(far.launch())
    assert far.relay.accepted == accepted


def test_a_cut_before_the_first_word(far: Far) -> None:
    far.relay.when(far.relay.cut, "client", packets=1)
    run_id = far.broke(far.launch())
    far.relay.heal()
    far.mend(run_id)


def test_a_cut_that_is_not_healed(far: Far) -> None:
    """However long it lasts, all that is said is that the host cannot be reached, and the run waits for it."""
    far.relay.when(far.relay.cut, "client", packets=5)
    run_id = far.broke(far.launch())
    assert far.broke(far.call("resume", "--json", run_id)) == run_id
    (item,) = (item for item in far.call("status", "--json").data if item["run_id"] == run_id)
    assert item["link"] == "unreachable" and item["state"] in ("unstarted", "unreachable"), item  # as the start was sent, or not
    far.relay.heal()
    far.mend(run_id)


@pytest.mark.parametrize("octets", [500, 40_000])
def test_the_first_contact_breaks(far: Far, octets: int) -> None:
    """In the exchange of keys, and in the middle of the runner, which is sent again."""
    far.describe(home=f"{far.host.home}/other{octets}")
    os.kill(masters(far.name)[0], signal.SIGKILL)
    far.relay.when(far.relay.reset, "client", octets=octets)
    answer = far.launch()
    assert far.relay.fired.is_set()
    if answer.rc:
        far.mend(far.broke(answer))
    else:
        far.ran(answer)


def test_nobody_listens_any_more(far: Far) -> None:
    far.host.stop()
    far.host.kill_connections()
    run_id = far.broke(far.launch())
    far.host.start()
    far.mend(run_id)


def test_sshd_is_restarted(far: Far) -> None:
    def restart() -> None:
        far.host.stop()
        far.host.kill_connections()

    far.relay.when(restart, "client", packets=6)
    with a_moment_after(far, far.host.start):
        far.ran(far.launch())


def test_new_connections_are_taken_and_never_answered(far: Far) -> None:
    far.relay.hang()
    far.relay.reset()
    answer = far.launch()
    assert "does not answer" in answer.json["error"]["message"]
    run_id = far.broke(answer)
    far.relay.reset()
    far.relay.heal()
    far.mend(run_id)


def test_the_host_loses_power_before_the_start(far: Far) -> None:
    far.relay.when(far.host.power_cut, "client", packets=4)
    answer = far.launch()
    run_id = far.broke(answer)
    far.host.start()
    far.mend(run_id)


def test_the_host_loses_power_while_the_job_runs(far: Far) -> None:
    run_id = far.ran(far.launch("sh", "-c", JOB[-1] + "; sleep 600", str(far.count)))
    far.host.power_cut()
    far.host.start()
    assert far.state(run_id) == "lost"
    assert far.call("resume", run_id).rc == 3


def test_the_network_is_another_one(far: Far) -> None:
    """The connection that stands leads nowhere, and nobody says so: this command gets through, and the next one at once."""
    far.relay.lose()
    accepted = far.relay.accepted
    for _ in range(2):
        far.ran(far.launch())
    assert far.relay.accepted == accepted + 1


def test_the_process_that_holds_the_connection_hangs(far: Far) -> None:
    old = masters(far.name)
    os.kill(old[0], signal.SIGSTOP)
    try:
        for _ in range(2):
            far.ran(far.launch())
        assert masters(far.name) and set(masters(far.name)) != set(old)
    finally:
        os.kill(old[0], signal.SIGKILL)


def test_the_process_that_holds_the_connection_is_killed(far: Far) -> None:
    os.kill(masters(far.name)[0], signal.SIGKILL)
    for _ in range(2):
        far.ran(far.launch())


def test_commands_that_connect_at_the_same_time(far: Far) -> None:
    os.kill(masters(far.name)[0], signal.SIGKILL)
    running = [subprocess.Popen([REPRUN, *far.words()], stdout=subprocess.PIPE) for _ in range(3)]
    for process in running:
        said, _ = process.communicate(timeout=60)
        far.ran(Answer(process.returncode, said.decode(), ""))
    assert len(masters(far.name)) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_only_the_connection(far: Far, number: int) -> None:
    """No ssh of it goes on, nor what it had begun on the host; the connection serves the next command."""
    process, held = launch_that_hangs(far)
    process.send_signal(number)
    process.wait(60)
    far.relay.heal()
    until(lambda: not ssh_clients(far.lab), "no ssh is left")
    assert masters(far.name) == held
    until(lambda: not early(far), "what was begun ahead of time has ended")
    far.ran(far.launch())
    assert masters(far.name) == held


def launch_that_hangs(far: Far) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A launch that hears no more when the host has begun, and what holds the connection. How many packets that takes is up to
    ssh: what it is told in two pieces it says in one packet, or in two."""
    for packets in range(4, 9):
        held = masters(far.name)
        far.relay.when(far.relay.cut, "client", packets=packets)
        process = subprocess.Popen([REPRUN, *far.words()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert far.relay.fired.wait(60)
        with suppress(AssertionError):
            until(lambda: early(far), seconds=8)  # after 15 the connection itself is given up
            return process, held
        process.kill()
        process.wait()
        far.relay.heal()
        until(lambda: not ssh_clients(far.lab), "no ssh is left")
        far.ran(far.launch())  # over a connection that stands, whatever the hanging link did to it
    raise AssertionError("the host never began")


def early(far: Far) -> list[int]:
    """Supervisors on the host that wait for a plan, or have a job."""
    return [pid for pid, text in commands() if str(far.host.folder) in text and "\0supervise\0" in text]


@pytest.mark.parametrize("round_trip", [50, 300])
def test_a_host_far_away(far: Far, round_trip: int) -> None:
    far.relay.delay_ms = round_trip / 2
    far.ran(far.launch())
