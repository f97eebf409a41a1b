"""Runs in a locked conda environment, from environment.yml to the verdict, with a real channel and the installed command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conda_archive import Package, write_package, write_repodata
from conda_channel import Channel
from lab import REPRUN, Answer, Run, until

Reprun = Callable[..., Answer]
TRAIN = "import greeter, os, sys\nprint(sys.prefix)\nopen(sys.argv[1] + '/v', 'w').write(greeter.VERSION)\n"
COMMAND = ("--", "python", "train.py", "{output}")


def write_environment(repo: Path, channel: Channel, *packages: str) -> None:
    (repo / "environment.yml").write_text(f"channels: ['{channel.url}']\ndependencies: [{', '.join(packages)}]\n")


def launched(reprun: Reprun, *words: str, env: dict[str, str] | None = None) -> tuple[str, dict[str, Any], Answer]:
    """A run that has ended well: its id, the environment in its manifest, and what the launch said."""
    answer = reprun("launch", "--follow", "--json", *words, *COMMAND, env=env)
    assert answer.data["outcome"]["exit_code"] == 0, answer
    manifest = tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text())
    return answer.data["run_id"], manifest["environment"], answer


@pytest.fixture
def project(repo: Path, home: Path, conda_channel: Channel, tmp_path: Path) -> Channel:
    """A project that wants an environment, and a channel that belongs to it."""
    channel = conda_channel.copy(tmp_path / "channel")
    (repo / "train.py").write_text(TRAIN)
    write_environment(repo, channel, "python", "greeter", "dialer")
    return channel


def test_a_run_gets_what_environment_yml_says_and_can_be_done_again(
    project: Channel, repo: Path, home: Path, reprun: Reprun, git: Run, tmp_path: Path
) -> None:
    before = git("status", "--porcelain", "--ignored")
    first, environment, answer = launched(reprun)
    assert environment["prefix"] in answer.stderr
    assert (environment["kind"], environment["strength"], environment["origin"]) == ("conda", "locked", "made")
    assert environment["solver"].startswith("py-rattler ") and environment["installer"].startswith("py-rattler ")
    assert "dial==1.1=h0_0" in environment["packages"] and environment["virtual"]["__glibc"]
    assert git("status", "--porcelain", "--ignored") == before, "a launch writes nothing into the dev tree"
    lock = git("cat-file", "blob", f"refs/reprun/locks/{environment['lock']}")
    assert project.entry("dial", "1.1")["sha256"] in lock
    # nobody is asked anything again: the channel is gone
    project.root.rename(tmp_path / "gone")
    _, again, answer = launched(reprun, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert again == environment
    loaded = set(re.findall(r"\| +(\S+)$", answer.stderr, flags=re.MULTILINE))
    assert "reprun.commands.environment" in loaded
    assert (
        not {
            "yaml",
            "rattler",
            "conda_lock",
            "reprun.env.lockfile",
            "reprun.env.locking",
            "reprun.env.drift",
            "reprun.runner.env_gc",
        }
        & loaded
    )
    answer = reprun("reproduce", first, "--json")
    assert answer.data["verdict"]["kind"] == "identical" and answer.data["differences"] == []
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone))
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=clone)
    shown = reprun("reproduce", first, cwd=clone)
    assert shown.rc == 3 and f"installs    {len(again['packages'])} packages from {project.url}" in shown.stderr
    assert reprun("reproduce", first, "--yes", "--json", cwd=clone).data["verdict"]["kind"] == "identical"
    (repo / "environment.yml").unlink()  # the code of now has no environment: the run still has its own
    assert reprun("reproduce", first, "--plan", "--json").data["differences"] == []


def test_gc_leaves_the_environment_of_a_run_that_runs(project: Channel, repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    write_environment(repo, project, "dialer")
    wait = ["sh", "-c", 'while ! test -e "$0"; do sleep 0.05; done', str(tmp_path / "go")]
    launched = reprun("launch", "--json", "--", *wait).data
    until(lambda: reprun("show", launched["run_id"], "--json").data["state"] == "running")
    prefix = tomllib.loads(Path(launched["run_dir"], "manifest.toml").read_text())["environment"]["prefix"]
    assert reprun("gc", "--yes", "--keep", "0").rc == 0
    assert os.path.isdir(prefix)
    # damaged after it was complete: made anew, but not under the feet of the run
    damaged = next(Path(prefix, "conda-meta").glob("dialer*"))
    damaged.parent.chmod(0o700)
    damaged.unlink()
    refused = reprun("launch", "--json", "--", "true")
    assert (
        refused.rc == 3
        and f"is not as it was made, and cannot be made anew while a run is in it: {launched['run_id']}"
        in str(refused.json["error"])
    )
    (tmp_path / "go").touch()
    assert reprun("wait", launched["run_id"]).rc == 0
    assert not damaged.exists() and reprun("launch", "--follow", "--json", "--", "true").data and damaged.exists()
    assert reprun("gc", "--yes", "--keep", "0").rc == 0
    assert not os.path.lexists(prefix)


def test_a_lock_beside_the_code_is_checked_used_and_unlocked(
    project: Channel, repo: Path, reprun: Reprun, tmp_path: Path
) -> None:
    (pixi := tmp_path / "pixi").write_text("#!/bin/sh\necho pixi 0.59.0\n")
    pixi.chmod(0o755)
    locked = reprun("env", "lock", "--json", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}).data
    assert "pixi 0.59.0 is here" in locked["notes"][0] and locked["solver"].endswith("(found: pixi 0.59.0)")
    assert f"solved by {locked['solver']}" in reprun("env", "check").stdout
    assert locked["written"] and {item["name"]: item["new"] for item in locked["changes"]}["dial"] == "1.1=h0_0"
    assert reprun("env", "lock", "--json").data["written"] is False
    first, environment, answer = launched(reprun)
    assert environment["origin"] == "committed" and "note:" not in answer.stderr
    write_environment(repo, project, "python", "greeter", "dialer", "dial=1.0")
    checked = reprun("env", "check", "--json")
    assert checked.rc == 3 and "environment.yml has changed" in checked.json["data"]["why"]
    second, made, answer = launched(reprun)
    assert made["origin"] == "made" and "conda-lock.yml was not used" in answer.stderr
    rows = {
        (row["area"], row["name"]): (row["old"], row["new"])
        for row in reprun("diff", first, second, "--json").data["differences"]
    }
    assert rows["packages", "dial"] == ("1.1=h0_0", "1.0=h0_0")
    assert not [name for area, name in rows if area == "variables"]
    changed = reprun("env", "lock", "--json").data
    assert changed["changes"] == [{"name": "dial", "old": "1.1=h0_0", "new": "1.0=h0_0"}]
    assert reprun("env", "check", "--json").rc == 0
    assert len(reprun("env", "ls", "--json").data) == 2
    (repo / "conda-lock.yml").write_text("<<<<<<< HEAD\n")
    refused = reprun("launch", *COMMAND)
    assert refused.rc == 2 and "conda-lock.yml cannot be used" in refused.stderr, refused
    assert "hint: reprun env lock" in refused.stderr and "resume" not in refused.stderr
    assert len(reprun("ls", "--json").data) == 2


def test_an_active_environment_that_drifted_is_said_refused_or_taken(project: Channel, repo: Path, reprun: Reprun) -> None:
    reprun("env", "lock", "--json")
    _, locked, _ = launched(reprun)
    active = {"CONDA_PREFIX": locked["prefix"], "CONDA_DEFAULT_ENV": "project"}
    explicit = reprun("env", "export", "--explicit", env=active).stdout.splitlines()
    text = (repo / "conda-lock.yml").read_text()
    lines = [line for line in explicit if "://" in line]
    assert len(lines) == len(locked["packages"]) and all(part in text for line in lines for part in line.split("#"))
    assert reprun("env", "check", "--json", env=active).rc == 0

    write_environment(repo, project, "python", "greeter", "dial=2.0")
    reprun("env", "lock", "--json")
    words = "dial 2.0=h0_0 in the lock, 1.1=h0_0 installed"
    assert words in reprun("env", "check", env=active).stdout
    _, environment, answer = launched(reprun, env=active)
    assert words in environment["drift"] and words in answer.stderr and "dial==2.0=h0_0" in environment["packages"]
    (repo / "reprun.toml").write_text('[environment]\ndrift = "refuse"\n')
    refused = reprun("launch", "--json", *COMMAND, env=active)
    assert refused.rc == 3 and words in refused.json["error"]["message"]
    (repo / "reprun.toml").write_text('[environment]\ndrift = "export"\n')
    _, taken, _ = launched(reprun, env=active)
    assert taken["origin"] == "exported" and taken["packages"] == locked["packages"]


def test_what_cannot_be_solved_starts_nothing_and_leaves_nothing(project: Channel, repo: Path, reprun: Reprun, git: Run) -> None:
    write_environment(repo, project, "dialer", "dial=2.0")
    answer = reprun("launch", "--json", *COMMAND)
    assert answer.rc == 2 and "dial >=1.0,<2" in answer.json["error"]["message"]
    assert reprun("ls", "--json").data == [] and not git("for-each-ref", "refs/reprun")
    (repo / "environment.yml").write_text("dependencies: [python\n")
    answer = reprun("env", "lock", "--json")
    assert answer.rc == 2 and "not valid YAML in line" in answer.json["error"]["message"]
    (repo / "reprun.toml").write_text('[environment]\nkind = "system"\n')
    assert reprun("launch", "--follow", "--json", "--", "true").data["outcome"]["exit_code"] == 0


def test_a_host_that_cannot_run_it_is_told_before_anything_is_made(
    project: Channel, repo: Path, home: Path, reprun: Reprun
) -> None:
    (repo / "reprun.toml").write_text('[environment]\noverrides = { __glibc = "2.5" }\n')
    answer = reprun("launch", "--json", *COMMAND)
    assert answer.rc == 2 and "__glibc" in answer.json["error"]["message"]
    assert not (home / "envs").exists()


def test_a_launch_that_is_killed_while_the_environment_is_made_goes_on(
    project: Channel, repo: Path, home: Path, reprun: Reprun
) -> None:
    """The maker goes on by itself; `resume` takes the lock that was chosen, whatever environment.yml says by then."""
    words = [REPRUN, "launch", *COMMAND]
    process = subprocess.Popen(words, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: list(home.glob("envs/*.lock")), "the environment is being made")
    process.kill()
    process.wait()
    write_environment(repo, project, "python", "greeter", "dial=2.0")
    run_id = reprun("resume", "@last", "--json").data["run_id"]
    assert reprun("wait", run_id, "--json").rc == 0
    environment = reprun("show", run_id, "--json").data["manifest"]["environment"]
    assert "dial==1.1=h0_0" in environment["packages"] and environment["strength"] == "locked"


def test_a_script_after_linking_is_not_run_and_that_is_said_once(
    project: Channel, repo: Path, reprun: Reprun, tmp_path: Path
) -> None:
    script = tmp_path / "linker" / "bin" / ".linker-post-link.sh"
    script.parent.mkdir(parents=True)
    script.write_text("touch $PREFIX/linked\n")
    line = write_package(project.root, Package("linker", "1.0"), tmp_path / "linker")
    write_repodata(project.root, [*project.lines(), line])
    write_environment(repo, project, "linker")
    words = ("launch", "--follow", "--json", "--", "sh", "-c", "! test -e $CONDA_PREFIX/linked")
    answers = [reprun(*words) for _ in range(2)]
    assert ["run after linking are not run: linker" in answer.stderr for answer in answers] == [True, False]
    for answer in answers:
        assert answer.data["outcome"]["exit_code"] == 0
        assert reprun("show", answer.data["run_id"], "--json").data["manifest"]["environment"]["post_link"] == ["linker"]


def test_a_project_without_an_environment_loads_nothing_of_it(repo: Path, reprun: Reprun) -> None:
    reprun("launch", "--json", "--", "true")  # what is installed is listed once
    answer = reprun("launch", "--json", "--", "true", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert answer.data["run_id"]
    loaded = re.findall(r"\| +(reprun\S+)$", answer.stderr, flags=re.MULTILINE)
    ours = {name for name in loaded if name.startswith(("reprun.env", "reprun.commands.env", "reprun.runner.env"))}
    assert ours == {"reprun.commands.env_wanted", "reprun.env", "reprun.env.system"}


def test_launches_at_the_same_time_solve_once(project: Channel, repo: Path, home: Path, reprun: Reprun, tmp_path: Path) -> None:
    """With a solver of the user's own, which is recorded by its name and version."""
    log, solver = tmp_path / "asked", tmp_path / "mamba"
    solver.write_text(f'#!/bin/sh\necho "$1" >> {log}\nexec {sys.executable} -P -m reprun.env.shim "$@"\n')
    solver.chmod(0o755)
    (repo / "reprun.toml").write_text(f'[environment]\nsolver = "{solver}"\noverrides = {{ __cuda = "12.4" }}\n')
    write_environment(repo, project, "dial")
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: reprun("launch", "--json", "--", "true"), range(3)))
    manifests = [tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text()) for answer in answers]
    assert len({manifest["environment"]["digest"] for manifest in manifests}) == 1
    assert manifests[0]["environment"]["solver"] == "mamba 24.9.0"
    assert manifests[0]["environment"]["overrides"] == {"__cuda": "12.4"}
    assert manifests[0]["environment"]["virtual"]["__cuda"] == "12.4"
    assert log.read_text().split().count("create") == 1
