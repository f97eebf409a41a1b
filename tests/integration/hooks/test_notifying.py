"""The post-run hook of reprun tells a command or an address of the end of a run: few words, and only where the user has
said so."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from lab import Run
from recorded_lab import record

from reprun.commands.hook_context import run_of_manifest
from reprun.commands.notifying import notify, sentence_of, told, trust_notify
from reprun.core.errors import RefusedError, ReprunError, ToolError, UsageError
from reprun.core.hooking import render_context
from reprun.workspace import Workspace, open_workspace

ID = "20261121-031601-m4k7qx"
SECRET = "T0/B1/secretkey"


class Address:
    """A web server on this machine that remembers what is posted to it."""

    def __init__(self) -> None:
        got: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(404 if "missing" in self.path else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.got = got
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"


@pytest.fixture
def address() -> Iterator[Address]:
    found = Address()
    yield found
    found.server.shutdown()
    found.server.server_close()


def own(text: str) -> None:
    """Writes the user's own settings."""
    path = Path(os.environ["HOME"], ".config", "reprun", "config.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[hooks]\n" + text)


def context(workspace: Workspace, git: Run, name: str = "a $(x) {run_id}") -> dict[str, Any]:
    record(git, ID, name=name)
    state = workspace.shared_outcome(ID)
    return render_context("post-run", "dev", run_of_manifest(workspace.manifest(ID), state))


def program(folder: Path, *lines: str) -> str:
    path = folder / "tell"
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return str(path)


def test_a_command_gets_words_and_no_shell(repo: Path, git: Run, tmp_path: Path) -> None:
    path = program(tmp_path, f'printf "%s\\n" "$@" > {tmp_path}/words; cat > {tmp_path}/input')
    own(f'notify = ["{path}", "{{name}}:{{state}} {{no}}", "{{message}}", "{{exit_code}}"]\n')
    workspace = open_workspace()
    assert notify(workspace, context(workspace, git)) == [path]
    assert (tmp_path / "words").read_text().splitlines() == [
        "a $(x) {run_id}:finished {no}", f"{ID} (a $(x) {{run_id}}): finished 0 after 1 min 02 s", "0",
    ]  # fmt: skip
    assert "hidden" not in (tmp_path / "input").read_text()  # of the command of the run nothing is told


def test_a_command_without_places_gets_the_message(repo: Path, git: Run, tmp_path: Path) -> None:
    path = program(tmp_path, f'printf "%s\\n" "$@" > {tmp_path}/words')
    own(f'notify = ["{path}", "--urgent"]\n')
    workspace = open_workspace()
    notify(workspace, context(workspace, git, name=""))
    assert (tmp_path / "words").read_text().splitlines() == ["--urgent", f"{ID}: finished 0 after 1 min 02 s"]


def test_an_address_gets_few_words(repo: Path, git: Run, address: Address) -> None:
    own(f'notify_url = "{address.url}"\n')
    workspace = open_workspace()
    assert notify(workspace, context(workspace, git)) == ["127.0.0.1"]
    assert set(address.got[0]) == {"text", "run"} and address.got[0]["text"].startswith(ID)
    assert set(address.got[0]["run"]) == {"run_id", "name", "state", "exit_code", "target", "commit", "branch", "seconds"}
    assert "hidden" not in json.dumps(address.got)


def test_what_fails_is_said_without_the_address(repo: Path, git: Run, address: Address, tmp_path: Path) -> None:
    own(f'notify_url = "{address.url}/missing"\n')
    workspace = open_workspace()
    with pytest.raises(ToolError, match=r"127\.0\.0\.1 does not take the notification: 404") as caught:
        notify(workspace, context(workspace, git))
    assert SECRET not in caught.value.message + caught.value.hint
    own('notify_url = "http://127.0.0.1:1/' + SECRET + '"\n')
    with pytest.raises(ToolError, match=r"127\.0\.0\.1 cannot be notified") as caught:
        notify(open_workspace(), context(workspace, git))
    assert SECRET not in caught.value.message + caught.value.hint
    own(f'notify = ["{program(tmp_path, "echo because >&2; exit 3")}"]\n')
    with pytest.raises(ToolError, match="failed: because"):
        notify(open_workspace(), context(workspace, git))
    own('notify = ["no-such-program-here"]\n')
    with pytest.raises(ToolError, match="is not here"):
        notify(open_workspace(), context(workspace, git))


def test_what_a_repository_names_has_to_be_trusted(repo: Path, git: Run, address: Address, tmp_path: Path) -> None:
    settings = repo / "reprun.toml"
    path = program(tmp_path, f"echo told >> {tmp_path}/told")
    settings.write_text(f'[hooks]\nnotify = ["{path}"]\n')
    workspace = open_workspace()
    data = context(workspace, git)
    with pytest.raises(RefusedError, match=r"names the command .*, and you have not trusted that yet") as caught:
        notify(workspace, data)
    assert caught.value.hint == "reprun hooks trust notify" and not (tmp_path / "told").exists()
    assert trust_notify(workspace) and not trust_notify(workspace)
    notify(workspace, data)
    assert (tmp_path / "told").read_text() == "told\n"
    settings.write_text(f'[hooks]\nnotify_url = "{address.url}"\n')
    with pytest.raises(RefusedError, match="names an address"):
        notify(open_workspace(), data)
    own(f'notify_url = "{address.url}"\n')  # the same, said by the user
    assert notify(open_workspace(), data) == ["127.0.0.1"] and not trust_notify(open_workspace())


@pytest.mark.parametrize("url", ["ftp://x/y", "file:///etc/passwd", "https://x y", "https://", "javascript:x", "http://x/\\ny"])
def test_other_addresses_are_none(repo: Path, url: str) -> None:
    own(f'notify_url = "{url}"\n')
    with pytest.raises(UsageError, match="notify_url must be an address"):
        open_workspace()


def test_nothing_is_wished(repo: Path, git: Run) -> None:
    workspace = open_workspace()
    assert notify(workspace, context(workspace, git)) == []


@pytest.mark.parametrize("data", [{}, {"run": []}, {"run": {}}, {"run": {"run_id": 3}}])
def test_what_is_no_context(data: dict[str, Any]) -> None:
    with pytest.raises(ReprunError, match="does not hold what a hook is told"):
        told(data)


def test_names_of_strangers_are_shown_not_obeyed() -> None:
    run = {**dict.fromkeys(["exit_code", "seconds"]), "run_id": ID, "name": "\x1b[2J", "state": "lost", "target": "gpu1"}
    assert sentence_of(run) == f"{ID} (\\x1b[2J): lost on gpu1"
