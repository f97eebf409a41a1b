"""What every host must do: answer requests as plain data, and turn each failure into an error of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reprun.core.errors import ReprunError
from reprun.hosts.base import Host
from reprun.hosts.local import LocalHost

MEMBERS = [LocalHost]
RUN_ID = "20261121-031622-m4k7qx"


@pytest.fixture(params=MEMBERS, ids=lambda member: member.name)
def host(request: pytest.FixtureRequest, home: Path) -> Host:
    member: Host = request.param()
    return member


REQUESTS: list[Mapping[str, Any]] = [
    {"op": "state", "run_ids": [RUN_ID]},
    {"op": "read", "run_id": RUN_ID, "stream": "stdout", "offset": 0, "limit": 10},
    {"op": "stop", "run_id": RUN_ID, "grace": 1},
    {"op": "facts", "argv": ["python3"], "tools": True},
    {"op": "survey", "key": "nobody", "keep": 3},
    {"op": "remove", "key": "nobody", "runs": [RUN_ID]},
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request["op"])
def test_answers_are_plain_data(host: Host, request_: Mapping[str, Any]) -> None:
    answer = host.ask(request_)
    assert isinstance(answer, dict) and json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_a_run_that_is_not_there_never_started(host: Host) -> None:
    assert host.ask({"op": "state", "run_ids": [RUN_ID]})["runs"][RUN_ID]["state"] == "unstarted"


def test_asking_alters_no_request(host: Host) -> None:
    request = {"op": "state", "run_ids": [RUN_ID]}
    host.ask(request)
    assert request == {"op": "state", "run_ids": [RUN_ID]}


@pytest.mark.parametrize("place", ["/dev/null", "/dev/null/below", "/proc/nowhere"])
def test_a_place_that_cannot_be_is_an_error_of_ours(host: Host, place: str, repo: Path, git: Any) -> None:
    request = {
        "op": "prepare", "home": place, "run_id": RUN_ID, "key": "project-0", "objects": str(repo / ".git" / "objects"),
        "object_format": "sha1", "commit": git("rev-parse", "HEAD"), "cwd": "", "argv": ["true"],
    }  # fmt: skip
    with pytest.raises(ReprunError) as raised:
        host.ask(request)
    assert raised.value.message and raised.value.exit_code in (3, 4, 5)


def test_its_python_is_a_program(host: Host) -> None:
    assert os.access(host.python(), os.X_OK)


def test_the_words_to_attach_are_kept_whole(host: Host) -> None:
    words = ["tmux", "-S", "/tmp/a b", "attach-session", "-t", "=x"]
    assert host.attach(words)[-len(words) :] == words
