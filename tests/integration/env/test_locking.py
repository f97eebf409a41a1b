"""Locks from a real channel, made by conda-lock with py-rattler behind it. A call of conda-lock takes a second: they are few."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conda_channel import Channel
from lab import processes_of, until

from reprun.core.errors import ToolError, UsageError
from reprun.core.frozen import replace
from reprun.env.lockfile import read_head, read_packages
from reprun.env.locking import Order, is_current, make_lock
from reprun.env.plan import make_plan, texts, unmet
from reprun.env.solver import OURS, Solver, find_solver
from reprun.env.sources import Sources
from reprun.runner.virtual import find_platform
from reprun.system.long_process import Watch, run_watched

PLATFORM = "linux-64"
VIRTUAL = {"__unix": "0", "__linux": "6.1", "__glibc": "2.36", "__archspec": "x86_64_v3"}


def order_of(channel: Channel, folder: Path, *packages: str, comment: str = "") -> Order:
    text = f"{comment}\nname: x\nchannels: ['{channel.url}']\ndependencies: [{', '.join(packages)}]\n"
    return Order(Sources((("environment.yml", text.encode()),)), {PLATFORM: VIRTUAL}, str(folder / "cache"), 120)


def solver() -> Solver:
    return find_solver(OURS, {})


@pytest.fixture(scope="module")
def locked(conda_channel: Channel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Order, bytes, list[str]]:
    """An order, its lock, and what was said meanwhile."""
    heard: list[str] = []
    order = order_of(conda_channel, tmp_path_factory.mktemp("lock"), "python", "greeter", "dialer", "dial", "antique")
    return order, make_lock(order, solver(), None, heard.append), heard


def test_a_lock_holds_what_the_channel_has(locked: tuple[Order, bytes, list[str]], conda_channel: Channel) -> None:
    order, text, heard = locked
    packages = {item["name"]: item for item in read_packages(text, PLATFORM, ("main",))}
    assert set(packages) == {"python", "greeter", "dialer", "dial", "antique"}
    for name, version in (("python", ""), ("dial", "1.1"), ("antique", "")):
        entry = conda_channel.entry(name, version)  # dialer does not want the newest dial
        assert {key: packages[name][key] for key in ("version", "url", "sha256", "md5", "build")} == {
            key: entry[key] for key in ("version", "url", "sha256", "md5", "build")
        }
    head = read_head(text)
    assert (head.platforms, head.sources, head.solver) == ((PLATFORM,), ("environment.yml",), solver().words)
    assert head.virtual == {PLATFORM: VIRTUAL} and head.made_from == {PLATFORM: order.sources.digest}
    assert unmet(make_plan(list(packages.values()), PLATFORM, VIRTUAL), {"__glibc": "2.5"}) == [
        "python needs __glibc >=2.17, here is 2.5"
    ]
    assert "solving environment.yml for linux-64 with py-rattler" in heard[0]
    assert os.listdir(order.cache) == []  # nothing is left of the work


def test_conda_lock_itself_reads_it_and_lists_the_same(locked: tuple[Order, bytes, list[str]], tmp_path: Path) -> None:
    (tmp_path / "conda-lock.yml").write_bytes(locked[1])
    words = [sys.executable, "-m", "conda_lock", "render", "-k", "explicit", "-p", PLATFORM, "conda-lock.yml"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    lines = (tmp_path / f"conda-{PLATFORM}.lock").read_text().splitlines()
    explicit = {line for line in lines if "://" in line}
    assert explicit == {f"{item['url']}#{item['md5']}" for item in read_packages(locked[1], PLATFORM, ("main",))}


def test_a_comment_is_no_other_environment_and_a_package_is(locked: tuple[Order, bytes, list[str]]) -> None:
    order, text, _ = locked
    path, data = order.sources.files[0]
    commented = replace(order, sources=Sources(((path, b"# later\n" + data),)))
    other = replace(order, sources=Sources(((path, data.replace(b"antique", b"fleeting")),)))
    assert is_current(commented, text)
    assert not is_current(other, text)


def test_what_other_people_write_is_locked(conda_channel: Channel, tmp_path: Path) -> None:
    """A channel in front of a package, and a pyproject.toml without a build backend, at which conda-lock would break."""
    name = conda_channel.root.name
    text = (
        f"name: x\nprefix: /home/x\nchannels: ['{conda_channel.url}', nodefaults]\ndependencies:\n- {name}::antique # [linux]\n"
    )
    project = f"[project]\nname = 'x'\n[tool.conda-lock]\nchannels = ['{conda_channel.url}']\n"
    files = (
        ("environment.yml", text.encode()),
        ("pyproject.toml", f"{project}[tool.conda-lock.dependencies]\ndial = '1.0'".encode()),
    )
    order = Order(Sources(files), {PLATFORM: VIRTUAL}, str(tmp_path / "cache"), 120)
    plan = make_plan(read_packages(make_lock(order, solver(), None, lambda said: None), PLATFORM, ("main",)), PLATFORM, {})
    assert set(texts(plan)) == {"antique==1.0=h0_0", "dial==1.0=h0_0"}


def test_an_update_moves_one_package(locked: tuple[Order, bytes, list[str]], conda_channel: Channel) -> None:
    order, text, _ = locked
    old = text.replace(b"dial-1.1-", b"dial-1.0-").replace(b"version: '1.1'", b"version: '1.0'")
    entry, newer = conda_channel.entry("dial", "1.0"), conda_channel.entry("dial", "1.1")
    for key in ("sha256", "md5"):
        old = old.replace(newer[key].encode(), entry[key].encode())
    moved = make_lock(replace(order, update=("dial",)), solver(), old, lambda said: None)
    before, after = (texts(make_plan(read_packages(one, PLATFORM, ("main",)), PLATFORM, {})) for one in (old, moved))
    assert set(after) - set(before) == {"dial==1.1=h0_0"}
    with pytest.raises(UsageError, match="dail: only what"):
        make_lock(replace(order, update=("dail",)), solver(), old, lambda said: None)


def test_what_cannot_be_solved_is_said_with_the_packages(conda_channel: Channel, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be solved for linux-64") as caught:
        make_lock(order_of(conda_channel, tmp_path, "dialer", "dial=2.0"), solver(), None, lambda said: None)
    assert "dialer 1.0 would require" in caught.value.message
    assert "dial >=1.0,<2" in caught.value.message
    assert "Traceback" not in caught.value.message


def test_a_channel_that_is_not_there_is_named(tmp_path: Path) -> None:
    order = order_of(Channel(tmp_path / "nowhere"), tmp_path, "python")
    with pytest.raises(ToolError, match=f"the channel {Channel(tmp_path / 'nowhere').url}/? cannot be read"):
        make_lock(order, solver(), None, lambda said: None)


def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    looks: list[int] = []
    env = {**os.environ, "MARK": str(tmp_path)}
    assert run_watched(["sh", "-c", "sleep 1000 & sleep 1000"], str(tmp_path), env, Watch(0.2, lambda: looks.append(1))) is None
    assert looks
    until(lambda: not processes_of(str(tmp_path)), "nothing is left of it")


def test_a_solve_that_takes_too_long_says_how_to_give_it_longer(conda_channel: Channel, tmp_path: Path) -> None:
    order = replace(order_of(conda_channel, tmp_path, "python"), seconds=0)
    with pytest.raises(ToolError, match="within 0 s") as caught:
        make_lock(order, solver(), None, lambda said: None)
    assert "timeout" in caught.value.hint


def test_we_see_of_this_machine_what_the_tools_of_conda_see() -> None:
    """In a process of its own: py-rattler may crash Python at its end."""
    script = """if True:
        import os, rattler
        rows = (one.into_generic() for one in rattler.VirtualPackage.detect())
        print(rattler.Subdir.current(), *(f"{row.name.normalized}={row.version}" for row in rows), flush=True)
        os._exit(0)"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    platform, *theirs = done.stdout.split()
    found = find_platform()
    assert found["platform"] == platform
    ours = {**found["virtual"], "__archspec": "1"}  # they name the make of the processor, in the build
    assert dict(item.split("=") for item in theirs) == ours


def test_a_solver_of_the_user_comes_first(tmp_path: Path) -> None:
    program = tmp_path / "micromamba"
    program.write_text("#!/bin/sh\necho 2.0.5\n")
    program.chmod(0o755)
    environ = {"PATH": str(tmp_path), "CONDA_EXE": "/nowhere/conda"}
    assert find_solver("auto", environ) == Solver("micromamba", "2.0.5", str(program))
    assert find_solver(str(program), {}).version == "2.0.5"
    (tmp_path / "pixi").write_text("#!/bin/sh\necho pixi 0.59.0\n")
    (tmp_path / "pixi").chmod(0o755)
    assert find_solver("auto", environ).name == "micromamba"
    assert find_solver(OURS, environ).path == ""
    assert find_solver("auto", {"PATH": "/nowhere"}).name == OURS
    program.unlink()
    for wanted in ("auto", "pixi", str(tmp_path / "pixi")):  # which conda-lock cannot call
        found = find_solver(wanted, {"PATH": str(tmp_path)})
        assert found.path == "" and found.words == f"{find_solver(OURS, {}).words} (found: pixi 0.59.0)"
        assert "pixi 0.59.0 is here" in found.notes[0]
    assert find_solver("auto", {"PATH": "/nowhere", "PIXI_EXE": str(tmp_path / "pixi")}).found == "pixi 0.59.0"
    with pytest.raises(UsageError, match="the solver mamba is not there"):
        find_solver("mamba", environ)
