"""Captures of interpreters: what they say of each distribution, without secrets, and what they tell apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprun.commands.env_capture import parse_capture
from reprun.core.facts import told_apart
from reprun.runner.captures import keep_capture, origin, read_capture
from reprun.runner.paths import Home

GIT = {"url": "https://me:pw@host/x.git?token=1", "vcs_info": {"vcs": "git", "commit_id": "abc"}}


@pytest.mark.parametrize(
    ("direct", "said"),
    [
        (json.dumps(GIT), "git+https://host/x.git@abc"),
        (json.dumps({"url": "https://h/x.whl#y", "archive_info": {"hashes": {"sha256": "12"}}}), "https://h/x.whl#sha256=12"),
        (json.dumps({"url": "https://h/x.whl", "archive_info": {"hash": "sha256=12"}}), "https://h/x.whl#sha256=12"),
        (json.dumps({"url": "https://h/x.whl", "archive_info": {"hash": "md5=12", "hashes": {}}}), "https://h/x.whl"),
        (json.dumps({"url": "file:///home/me/x", "dir_info": {"editable": True}}), "file:///home/me/x (editable)"),
        ("", ""), ("[1", ""), ("[1]", ""), ('{"url": 3, "vcs_info": 4}', ""), ("[" * 5000, ""),
    ],
)  # fmt: skip
def test_where_a_distribution_came_from(direct: str, said: str) -> None:
    assert origin(direct) == said


def test_a_capture_is_kept_by_its_digest_and_read_again(tmp_path: Path) -> None:
    home = Home(str(tmp_path))
    digest = keep_capture(home.cache, [["numpy", "1.0", json.dumps(GIT), "f1"], ["x", "2", "", ""]])
    text = read_capture(home, {"digest": digest})["text"]
    assert parse_capture(text.encode()) == {"numpy": ("git+https://host/x.git@abc", "f1"), "x": ("", "")}
    assert read_capture(home, {"digest": "../../../etc/passwd"}) == {"text": ""}
    assert parse_capture(b'[1]\nnonsense\n["a", "b", 3, "d"]\n\xff\n' + b"[" * 5000) == {}


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        (("", "aa"), ("", "aa"), None),
        (("", "aa"), ("", "bb"), ("1.0 (files aa)", "1.0 (files bb)")),
        (("", "aa"), ("", ""), None),  # unknown is not different
        (("git+https://h/x@1", "aa"), ("git+https://h/x@2", "aa"), ("1.0 (git+https://h/x@1)", "1.0 (git+https://h/x@2)")),
        (("https://h/x.whl", "aa"), ("", "aa"), None),
        (("file:///x (editable)", "aa"), ("", "aa"), ("1.0 (file:///x (editable))", "1.0 (an index)")),
    ],
)
def test_the_same_version_of_another_commit_or_with_other_files(
    old: tuple[str, str], new: tuple[str, str], texts: tuple[str, str] | None
) -> None:
    assert told_apart("1.0", old, new) == texts
