"""`reproduce` of a run that somebody else launched: shown first, asked about, nothing executed by being looked at."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, run
from lab import Run
from terminal_lab import on_a_terminal

from reprun.store.manifests import parse_manifest, render_manifest

pytestmark = pytest.mark.e2e
ID = "20260101-000000-enemy7"
Forge = Callable[..., str]


@pytest.fixture
def forge(repo: Path, git: Run, reprun: Reprun) -> Forge:
    """`forge({"command": {"argv": […]}})` puts a manifest as a stranger would make it under its ref: sealed, tables updated."""
    own = run(reprun, "--", "true")["run_id"]
    data = parse_manifest(git("cat-file", "blob", f"refs/reprun/manifests/{own}").encode() + b"\n", own).data

    def make(changes: dict[str, Any]) -> str:
        new = {**data, "run_id": ID}
        for name, value in changes.items():
            new[name] = {**new.get(name, {}), **value} if isinstance(value, dict) else value
        blob = git("hash-object", "-w", "--stdin", stdin=render_manifest(new).encode())
        git("update-ref", f"refs/reprun/manifests/{ID}", blob)
        git("update-ref", "-d", f"refs/reprun/outcomes/{own}")
        return ID

    return make


def test_own_runs_are_not_asked_about(repo: Path, git: Run, reprun: Reprun) -> None:
    own = run(reprun, "--", "sh", "-c", "echo 1 > $REPRUN_OUTPUT/o")["run_id"]
    again = reprun("reproduce", "--json", own)
    assert again.rc == 0
    assert reprun("reproduce", again.data["run_id"]).rc == 0, "a reproduction is a run of one's own"
    status, shown = on_a_terminal(b"n\n", "reproduce", own)
    assert status == 0 and "[y/N]" not in shown


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_where_nobody_can_be_asked_it_is_refused_with_the_command(forge: Forge, reprun: Reprun, words: tuple[str, ...]) -> None:
    forge(
        {"command": {"argv": ["touch", "/tmp/\x1b]0;owned\x07"]}, "variables": {"values": {"LD_X": "1"}, "configured": ["LD_X"]}}
    )
    before = reprun("ls", "--json").data
    answer = reprun("reproduce", *words, ID)
    assert answer.rc == 3 and f"reprun reproduce {ID} --yes" in answer.stdout + answer.stderr
    assert "touch '/tmp/\\x1b]0;owned\\x07'" in answer.stderr and "LD_X=1" in answer.stderr and "\x1b" not in answer.stderr
    assert reprun("ls", "--json").data == before


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"yess\n", b"\x04", b"\x03", b"no\n"])
def test_anything_but_a_yes_starts_nothing(forge: Forge, reprun: Reprun, tmp_path: Path, git: Run, typed: bytes) -> None:
    forge({"command": {"argv": ["touch", str(tmp_path / "canary")]}})
    before = git("for-each-ref")
    status, shown = on_a_terminal(typed, "reproduce", ID)
    assert status in (3, 130) and "touch" in shown and "was not started" in shown
    assert not (tmp_path / "canary").exists() and git("for-each-ref") == before


def test_a_yes_starts_it(forge: Forge, reprun: Reprun, tmp_path: Path) -> None:
    forge({"command": {"argv": ["touch", str(tmp_path / "canary")]}})
    status, shown = on_a_terminal(b"y\n", "reproduce", ID)
    assert status == 7 and "NOT COMPARABLE" in shown and (tmp_path / "canary").exists()


def test_and_so_does_the_option(forge: Forge, reprun: Reprun, tmp_path: Path) -> None:
    forge({"command": {"argv": ["touch", str(tmp_path / "canary")]}})
    assert reprun("reproduce", "--yes", ID).rc == 7 and (tmp_path / "canary").exists()


def test_a_forced_fetch_does_not_turn_an_own_run_into_another(forge: Forge, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    """The file in the run folder is still the one that was launched; when it is gone, nothing proves whose the other is."""
    own = run(reprun, "--", "true")
    forge({"command": {"argv": ["touch", str(tmp_path / "canary")]}, "run_id": own["run_id"]})
    git("update-ref", f"refs/reprun/manifests/{own['run_id']}", git("rev-parse", f"refs/reprun/manifests/{ID}"))
    assert "touch" not in reprun("show", own["run_id"]).stdout
    Path(own["run_dir"], "manifest.toml").unlink()
    answer = reprun("reproduce", own["run_id"])
    assert answer.rc == 6 and "replaced" in answer.stderr and not (tmp_path / "canary").exists()


class TestLookingExecutesNothing:
    """`--plan`, `show`, `diff`, `logs`, `attach`, `stop`, `wait` and `resume` of a stranger's run."""

    LOOKS = (
        ("reproduce", "--plan"), ("reproduce",), ("show",), ("logs",), ("attach",), ("stop",), ("wait",), ("resume",),
        ("diff", ID),
    )  # fmt: skip

    def looks(self, reprun: Reprun) -> None:
        for words in self.LOOKS:
            answer = reprun(*words, ID)
            assert answer.rc in (0, 3, 4, 6), (words, answer)
        assert reprun("ls").rc == 0 and reprun("status").rc == 0 and reprun("doctor").rc in (0, 3)

    TRICKS = (
        (["python3"], {"PYTHONPATH": "{modules}"}),
        (["python3"], {"PATH": "{modules}"}),
        (["python3"], {"PYTHONWARNINGS": "all:0:antigravity.x:0:0", "BROWSER": "touch {canary} #%s"}),
        (["{modules}/python3"], {}),
        (["../../../../../../../../../../../../..{modules}/python3"], {}),
        (["{modules}/script"], {}),
    )

    @pytest.mark.parametrize(("argv", "values"), TRICKS)
    def test_what_makes_python_run_things(
        self, forge: Forge, reprun: Reprun, tmp_path: Path, argv: list[str], values: dict[str, str]
    ) -> None:
        """The interpreter is asked for its packages: not one that the manifest names, and not with its variables."""
        canary, modules = tmp_path / "canary", tmp_path / "modules"
        modules.mkdir()
        (modules / "sitecustomize.py").write_text(f"open({str(canary)!r}, 'w')\n")
        for name, text in (("python3", f"#!/bin/sh\n: > {canary}\n"), ("script", f"#!{modules}/python3\n")):
            (modules / name).write_text(text)
            (modules / name).chmod(0o755)

        def put(text: str) -> str:
            return text.replace("{modules}", str(modules)).replace("{canary}", str(canary))

        values = {name: put(value) for name, value in values.items()}
        forge({"command": {"argv": [put(word) for word in argv]}, "variables": {"values": values, "configured": sorted(values)}})
        self.looks(reprun)
        assert not canary.exists()

    def test_a_home_that_the_stranger_names(self, forge: Forge, reprun: Reprun, tmp_path: Path, git: Run) -> None:
        """With records of a process to stop, of a socket to attach to, and a log to read."""
        place = tmp_path / "trap" / "runs" / ID
        place.mkdir(parents=True)
        victim = subprocess.Popen(["sleep", "60"])
        from reprun.runner.identity import here, identity

        record = {"run_id": ID, "state": "running", **here(), "job": identity(victim.pid), "supervisor": identity(victim.pid)}
        import json

        (place / "started.json").write_text(json.dumps(record))
        (place / "stdout.log").symlink_to("/etc/passwd")
        forge({"target": {"run_dir": str(place), "name": "their-cluster"}})
        for words in self.LOOKS:
            assert "root:" not in reprun(*words, ID).stdout
        self.looks(reprun)
        assert victim.poll() is None
        victim.kill()
        victim.wait()
        assert sorted(os.listdir(place)) == ["started.json", "stdout.log"]

    def test_data_that_is_none_of_their_business(self, forge: Forge, reprun: Reprun, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("secret")
        forge({"data": [{"path": str(secret), "size": 1, "files": 1, "sha256": "0" * 64}]})
        import hashlib

        answer = reprun("reproduce", "--plan", "--json", ID)
        assert answer.rc == 0 and hashlib.sha256(b"secret").hexdigest() not in answer.stdout
        assert str(secret) in reprun("reproduce", ID).stderr
