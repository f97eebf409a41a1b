"""What the probes see of a host: places, ports, programs, frozen data, GPUs, and what the project's own checks and tests say."""

from __future__ import annotations

import os
import socket
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from lab import unprivileged
from probe_lab import RUN_ID, Probes


@pytest.fixture
def probes(tmp_path: Path) -> Probes:
    return Probes(tmp_path)


def test_places(probes: Probes, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    places = [{"path": str(tmp_path / "there"), "free": 1 << 60, "inodes": 1}, {"path": str(tmp_path / "nowhere")}, {"path": "."}]
    found = probes.look("sh", readable=[".", "~", "nowhere"], writable=places, disk=1 << 60)["places"]
    assert found["unreadable"] == [["nowhere", "is not there"]]
    assert found["unwritable"] == [[str(tmp_path / "nowhere"), "is not there"]]
    assert [item[:2] for item in found["short"]] == [[str(tmp_path / "there"), "bytes"], [probes.home.root, "bytes"]]
    assert probes.measured["places"]["free"]["."]["bytes"] > 0


@pytest.mark.needs("setpriv")
def test_places_that_are_closed(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    code = "import sys; from reprun.runner.probe_places import _why_not as f; print(f(sys.argv[1], 2)); print(f(sys.argv[1], 4))"
    done = unprivileged(sys.executable, "-c", code, str(tmp_path / "closed"))
    assert done.stdout.splitlines() == ["may not be written by this user", ""], done


def test_ports(probes: Probes) -> None:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        one.listen()
        two.bind(("127.0.0.1", 0))
        free = two.getsockname()[1]
        two.close()
        taken = one.getsockname()[1]
        assert probes.look("sh", ports=[taken])["ports"]["taken"] == [[taken, "is taken"]]
        assert probes.look("sh", ports=[free])["ports"]["taken"] == []


@pytest.mark.needs("ipv6")
def test_a_port_that_is_taken_for_one_kind_of_address(probes: Probes) -> None:
    with socket.socket(socket.AF_INET6) as one:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(("::1", 0))
        one.listen()
        taken = one.getsockname()[1]
        assert taken in probes.look("sh", ports=[taken])["ports"]["taken6"]


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo tool 4.2.1-rc, built with gcc 12.1", "4.2.1"),
        ('case "$1" in -version) echo "ffmpeg version 6.1 Copyright";; *) exit 1;; esac', "6.1"),
        ('[ "$1" = version ] && echo v3', "3"),
        ("echo tool 1.5 >&2", "1.5"),
        ("echo nothing", ""),
        ("yes 1 | head -c 10000000", "1"),
    ],
)
def test_versions_of_programs(probes: Probes, tmp_path: Path, script: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    found = probes.look("sh", programs=["tool", "nosuchtool"])["programs"]
    assert found == {"tool": {"path": str(tool), "version": version}, "nosuchtool": {"path": "", "version": ""}}


def test_frozen_data(probes: Probes, tmp_path: Path) -> None:
    data = tmp_path / "tree" / "data"
    data.mkdir()
    (data / "a").write_text("1")

    def changed() -> list[str]:
        return [what for _, what, _ in probes.look("sh", frozen=["data", "nowhere"])["frozen"]["changed"]]

    assert probes.look("sh", frozen=["data"], alone=True)["frozen"]["changed"] == [] and not Path(probes.home.frozen).exists()
    assert changed() == [] == changed()
    os.utime(data / "a", (1, 1))
    assert changed() == ["newest"]
    (data / "b").write_text("")
    ((_, what, memo),) = probes.look("sh", frozen=["data"])["frozen"]["changed"]
    assert what == "files"
    Path(memo).unlink()
    assert changed() == []


CHECK = "import json, sys\nfacts = json.load(sys.stdin)\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("print(json.dumps({'message': facts['host']['hostname'], 'hint': 'do\\nthis'}))", [("refuse", "here", "do this")]),
        ("print(json.dumps({'severity': 'warn', 'message': 'm'}))", [("warn", "m", "look into preflight/a.py")]),
        ("", []),
        ("print('garbage')", [("warn", "the check preflight/a.py prints 'garbage', which is no finding", "mend preflight/a.py")]),
        ("print('[]')", [("warn", "the check preflight/a.py prints '[]', which is no finding", "mend preflight/a.py")]),
        ("raise ValueError('x')", [("warn", "the check preflight/a.py fails: ValueError: x", "mend preflight/a.py")]),
        ("sys.exit(3)", [("warn", "the check preflight/a.py ended with status 3", "mend preflight/a.py")]),
    ],
)
def test_the_projects_own_checks(probes: Probes, text: str, expected: list[tuple[str, str, str]]) -> None:
    probes.write(preflight__a=CHECK + text, preflight__test_a="1 +", preflight___helper="1 +")
    found = probes.look("python", "train.py", project=True)["project"]
    assert found["programs"] == ["a.py"]
    assert [(one["severity"], one["message"], one["hint"]) for one in found["findings"]] == expected


def test_own_checks_that_flood(probes: Probes) -> None:
    probes.write(preflight__a="import json\nfor n in range(100000): print(json.dumps({'message': 'm%d' % n}))")
    found = probes.look("python", "train.py", project=True)["project"]["findings"]
    assert len(found) == 51 and found[-1]["message"] == "the check preflight/a.py has more than 50 findings"


def test_a_package_that_is_called_preflight_is_no_folder_of_checks(probes: Probes) -> None:
    probes.write(preflight____init__="", preflight__a="1 +")
    assert probes.look("python", "train.py", project=True)["project"] == {}


def test_the_projects_own_tests(probes: Probes) -> None:
    probes.write(
        tests__preflight__test_it="import os\ndef test_a(): assert os.environ['REPRUN_PREFLIGHT']\ndef test_b(): assert 1 == 2\n"
    )
    found = probes.look("python", "train.py", tests=["tests/preflight"])
    assert found["tests"]["status"] == 1 and found["tests"]["last"].startswith("FAILED tests/preflight/test_it.py::test_b")
    kept = {path.name: path.read_bytes() for path in Path(probes.home.run(RUN_ID).path, "preflight").iterdir()}
    assert found["reports"] == {name: sha256(data).hexdigest() for name, data in kept.items()}
    log, report = (next(data for name, data in kept.items() if name.endswith(kind)) for kind in (".log", ".xml"))
    assert b"test_a" in report and b"1 failed, 1 passed" in log
    probes.look("python", "train.py", tests=["tests/preflight"])
    assert all(Path(probes.home.run(RUN_ID).path, "preflight", name).read_bytes() == data for name, data in kept.items())
    assert not list(probes.tree.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("command", "status", "last"),
    [
        (["sh", "-c", "echo well; exit 0"], 0, "well"),
        (["sh", "-c", "echo bad >&2; exit 7"], 7, "bad"),
        (["nosuchprogram"], -1, "cannot be"),
    ],
)
def test_or_a_command(probes: Probes, command: list[str], status: int, last: str) -> None:
    found = probes.look("sh", command=command)["tests"]
    assert found["status"] == status and last in found["last"]


def test_a_probe_that_fails_says_so_and_fails_nothing_else(probes: Probes) -> None:
    found = probes.look("sh", ports=["x"], disk=1)
    assert "failed" in found["ports"] and found["places"]["short"] == []
