"""The hosts of netlab.py are apart, and their network leads nowhere else."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from lab import until
from netlab import NetHost, NetLab

TIGHT = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=1", "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2")


def said(host: NetHost, command: str) -> str:
    done = host.run(command)
    assert done.returncode == 0, done
    return done.stdout.decode().strip()


def ssh(host: NetHost, command: str, *options: str) -> subprocess.Popen[bytes]:
    """A client that gives up soon, unless the options say otherwise (ssh takes what is said first), with pipes."""
    words = [*host.command, "-T", *options, *TIGHT, host.name, command]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def gpu1(net_lab: NetLab) -> NetHost:
    return net_lab.host("gpu1")


def test_nothing_leads_out_of_the_network(gpu1: NetHost) -> None:
    for routes in (said(gpu1, "ip route"), subprocess.check_output(["ip", "route"], text=True)):
        assert routes.startswith("10.87.0.0/24 ") and len(routes.splitlines()) == 1
    with pytest.raises(OSError, match="unreachable") as raised:
        socket.create_connection(("192.0.2.1", 80), 5)
    assert raised.value.errno == errno.ENETUNREACH


@pytest.mark.needs("ssh-keygen", "netns")
def test_this_thread_leaves_the_network() -> None:
    def network() -> str:
        return os.readlink("/proc/thread-self/ns/net")

    before = network()
    lab = NetLab()
    assert network() != before
    lab.close()
    assert network() == before and not lab.folder.exists()


def test_each_host_is_a_machine_of_its_own(net_lab: NetLab, gpu1: NetHost) -> None:
    hosts = [gpu1, net_lab.host("gpu2", shell="dash")]
    question = "hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id; readlink /proc/self/ns/*"
    here = subprocess.run(["sh", "-c", question], capture_output=True, check=True).stdout.decode().split()
    answers = [said(host, question).split() for host in hosts]
    assert [answer[0] for answer in answers] == ["gpu1", "gpu2"]
    for which in (1, 2):
        assert len({here[which], *(answer[which] for answer in answers)}) == 3
    kinds = [
        {text for text in [*here, *answers[0], *answers[1]] if text.startswith(f"{kind}:")}
        for kind in ("net", "uts", "mnt", "pid")
    ]
    assert [len(kind) for kind in kinds] == [3, 3, 3, 3]


def test_a_host_sees_its_own_files_and_nothing_of_the_client(gpu1: NetHost, tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    assert gpu1.run(f"ls {tmp_path}/secret").returncode != 0
    assert gpu1.run(f"ls {gpu1.lab.folder}/user_key").returncode != 0
    gpu1.run("echo kept >~/file; echo short >/tmp/file")
    assert (gpu1.home / "file").read_text() == "kept\n" and not os.path.exists("/tmp/file")
    assert said(gpu1, "ls /root /home /run /dev/shm | grep -v : | xargs") in ("sshd", "mount sshd")


def test_processes_of_a_host_are_its_own(gpu1: NetHost) -> None:
    gpu1.run("sh -c 'sleep 1000 & echo $! >~/pid' >/dev/null 2>&1 </dev/null")
    pid = int((gpu1.home / "pid").read_text())
    assert pid < 1000 and said(gpu1, f"cat /proc/{pid}/comm; grep PPid /proc/{pid}/status") == "sleep\nPPid:\t1"
    gpu1.run(f"kill {pid}")
    until(lambda: gpu1.run(f"ls /proc/{pid}").returncode != 0, "the first process of the host reaps what it inherits")


def test_a_cut_is_silent_and_tcp_goes_on_when_it_heals(gpu1: NetHost) -> None:
    with ssh(gpu1, "echo up; exec cat", "-o", "ServerAliveInterval=0") as standing:
        assert standing.stdin is not None and standing.stdout is not None and standing.stdout.readline() == b"up\n"
        gpu1.cut()
        standing.stdin.write(b"said while it was cut\n")
        standing.stdin.flush()
        with ssh(gpu1, "true") as new:
            assert b"timed out" in new.communicate()[1] and new.returncode == 255
        assert standing.poll() is None
        gpu1.heal()
        assert standing.stdout.readline() == b"said while it was cut\n"
        standing.stdin.close()
        assert standing.wait(60) == 0


def test_a_client_notices_a_cut_by_its_own_time_limit(gpu1: NetHost) -> None:
    with ssh(gpu1, "echo up; exec sleep 1000") as standing:
        assert standing.stdout is not None and standing.stdout.readline() == b"up\n"
        gpu1.cut()
        assert standing.wait(60) == 255
    gpu1.heal()
    assert said(gpu1, "pgrep -c sleep") != "0", "the host goes on"


def test_a_cut_of_the_answers_only(gpu1: NetHost) -> None:
    with ssh(gpu1, "echo up; read line; touch came") as standing:
        assert standing.stdin is not None and standing.stdout is not None and standing.stdout.readline() == b"up\n"
        gpu1.cut(to=False)
        standing.stdin.write(b"go\n")
        standing.stdin.flush()
        until((gpu1.home / "came").exists)
        assert standing.wait(60) == 255, "it never hears that all went well"


def test_a_cut_of_the_requests_only(gpu1: NetHost) -> None:
    with ssh(gpu1, "echo up; while ! [ -e go ]; do sleep 0.01; done; echo went; read line; touch came") as standing:
        assert standing.stdin is not None and standing.stdout is not None and standing.stdout.readline() == b"up\n"
        gpu1.cut(of=False)
        (gpu1.home / "go").touch()
        assert standing.stdout.readline() == b"went\n"
        standing.stdin.write(b"line\n")
        standing.stdin.flush()
        assert standing.wait(60) == 255 and not (gpu1.home / "came").exists()


def test_delay(gpu1: NetHost) -> None:
    gpu1.delay_ms = 100
    begin = time.monotonic()
    socket.create_connection(gpu1.address).close()
    assert time.monotonic() - begin >= 0.2


def test_a_delay_is_no_limit_of_throughput(gpu1: NetHost) -> None:
    gpu1.delay_ms = 50
    data = os.urandom(2_000_000)
    begin = time.monotonic()
    assert gpu1.run("cat >data", stdin=data).returncode == 0
    assert time.monotonic() - begin < 60, "1,300 packets, one after the other, would take 130 s"
    assert (gpu1.home / "data").read_bytes() == data


def test_a_power_cut_is_silent_and_the_disk_stays(gpu1: NetHost) -> None:
    gpu1.run("echo kept >file; echo gone >/tmp/file; nohup sleep 1000 >/dev/null 2>&1 </dev/null &")
    before = said(gpu1, "cat /etc/machine-id /proc/sys/kernel/random/boot_id").split()
    with ssh(gpu1, "echo up; exec sleep 1000", "-o", "ServerAliveInterval=0") as standing:
        assert standing.stdout is not None and standing.stdout.readline() == b"up\n"
        gpu1.power_cut()
        with ssh(gpu1, "true") as new:
            assert b"timed out" in new.communicate()[1]
        assert standing.poll() is None, "nobody said goodbye"
        gpu1.start()
        after = said(gpu1, "cat /etc/machine-id /proc/sys/kernel/random/boot_id").split()
        assert after[0] == before[0] and after[1] != before[1]
        assert said(gpu1, "cat file; ls /tmp | grep -c file; pgrep -c sleep") == "kept\n0\n1"
        standing.kill()


def test_sshd_restarts_without_the_host(gpu1: NetHost) -> None:
    before = said(gpu1, "cat /proc/sys/kernel/random/boot_id")
    gpu1.run("nohup sleep 1000 >/dev/null 2>&1 </dev/null &")
    gpu1.stop()
    refused = gpu1.run("true")
    assert refused.returncode == 255 and b"refused" in refused.stderr
    gpu1.start()
    assert said(gpu1, "cat /proc/sys/kernel/random/boot_id; pgrep -c sleep") == f"{before}\n2"


def test_connections_are_killed(gpu1: NetHost) -> None:
    with ssh(gpu1, "echo up; exec sleep 1000") as standing:
        assert standing.stdout is not None and standing.stdout.readline() == b"up\n"
        assert gpu1.daemon.connections() == 1
        gpu1.kill_connections()
        assert standing.wait(60) == 255
    assert said(gpu1, "echo well") == "well"


def test_a_client_that_moves(net_lab: NetLab, gpu1: NetHost) -> None:
    with ssh(gpu1, "echo up; exec sleep 1000") as standing:
        assert standing.stdout is not None and standing.stdout.readline() == b"up\n"
        assert said(gpu1, "echo $SSH_CLIENT").startswith("10.87.0.1 ")
        net_lab.move()
        assert said(gpu1, "echo $SSH_CLIENT").startswith("10.87.0.2 ")
        assert standing.wait(60) == 255


def test_one_host_is_reached_through_another(net_lab: NetLab, gpu1: NetHost) -> None:
    inner = net_lab.host("inner")
    with inner.config.open("a") as file:
        file.write(f"Host by-jump\n  ProxyJump gpu1\n  HostName {inner.address[0]}\n  HostKeyAlias inner\n  IdentityFile")
        file.write(f" {net_lab.folder}/user_key\n  UserKnownHostsFile {net_lab.known_hosts}\n")
    done = inner.run("hostname; echo $SSH_CLIENT", name="by-jump")
    assert done.stdout.decode().split()[:2] == ["inner", gpu1.address[0]], done


def test_disks_that_are_full_or_read_only(gpu1: NetHost) -> None:
    gpu1.limit_home("1m")
    full = gpu1.run("head -c 2000000 /dev/zero >file")
    assert full.returncode != 0 and b"No space left" in full.stderr
    gpu1.power_cut()
    gpu1.start()
    gpu1.make_home_read_only()
    refused = gpu1.run("touch file")
    assert refused.returncode != 0 and b"Read-only" in refused.stderr
    assert not (gpu1.home / "file").exists()


def test_a_relay_leads_to_a_host(net_lab: NetLab, gpu1: NetHost) -> None:
    relay = net_lab.relay(gpu1)
    assert gpu1.run("hostname", name=relay.name).stdout == b"gpu1\n" and relay.accepted == 1


def test_a_host_that_ended_by_itself_is_no_burden(net_lab: NetLab, gpu1: NetHost) -> None:
    other = net_lab.host("other")
    os.kill(gpu1.first_process(), signal.SIGKILL)
    until(lambda: not net_lab.switch.has(gpu1.cable))
    assert said(other, "echo well") == "well"
    gpu1.power_cut()
    gpu1.start()
    assert said(gpu1, "echo well") == "well"
