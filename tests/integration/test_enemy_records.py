"""Manifests and outcomes made by an enemy: sealed, well-formed, wrong in every field. Answers or sentences, never faults."""

from __future__ import annotations

import copy
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab import Run

from reprun.cli.guard import guard
from reprun.core.manifest import seal

ID = "20260101-000000-enemy7"
COMMANDS = (
    ("show", ID), ("show", "--json", ID), ("ls",), ("ls", "--json"), ("ls", "--where", "a=1"), ("diff", ID, ID), ("status",),
    ("reproduce", "--plan", ID), ("reproduce", "--plan", "--json", ID), ("reproduce", ID), ("logs", ID), ("resume", ID),
    ("wait", "--json", ID), ("stop", ID), ("gc",), ("doctor", "--mend"),
)  # fmt: skip
READERS = [words for words in COMMANDS if words[0] in ("ls", "show", "diff", "reproduce", "wait")]
DOCUMENTED = {0, 2, 3, 4, 6, *range(128, 256)}  # `wait` ends with the status of the run
GOOD: dict[str, Any] = {
    "schema_version": 1,
    "run_id": ID,
    "name": "theirs",
    "why": "because",
    "created": "2026-01-01T00:00:00.000Z",
    "parent": "20251231-000000-parent",
    "reprun_version": "0.1.0",
    "command": {"argv": ["touch", "canary"], "cwd": ""},
    "code": {
        "commit": "", "tree": "", "parent": "c" * 40, "branch": "refs/heads/main", "dirty": True, "ref": "refs/x", "changed": 1,
        "added": 2, "deleted": 3,
    },
    "config": {"source": "conf/base.yaml", "format": "yaml", "sets": ["a=1"], "sha256": "0" * 64, "text": "a: 1\n"},
    "seeds": {"root": 7, "origin": "option", "named": {"python": 1}},
    "environment": {
        "kind": "system", "strength": "weak", "python": "3.11.7", "implementation": "CPython", "executable": "/usr/bin/python3",
        "prefix": "/usr", "digest": "0" * 64, "packages": ["numpy==1.26.0"],
    },
    "variables": {"values": {"A": "b"}, "configured": ["A"], "secret": ["TOKEN"]},
    "target": {
        "name": "local", "host": "local", "scheduler": "tmux", "gpus": "0", "run_dir": "/nowhere/runs/x", "hostname": "h",
        "machine_id": "m",
    },
    "run": {"writable": ["out"], "hash_limit": 10, "preflight": ["disk"]},
    "data": [{"path": "d", "size": 3, "files": 1, "sha256": "0" * 64}],
}  # fmt: skip
OUTCOME: dict[str, Any] = {
    "schema_version": 1, "run_id": ID, "state": "finished", "started": 1.0, "exited": 2.0, "ended": 2.0,
    "exit_code": 0, "signal": 0, "stopped_by": "", "seconds": 1.0, "cpu_seconds": 1.0,
    "peak_memory": 1024, "left_behind": 0, "problems": ["p"],
    "host": {"hostname": "h", "cpu": "c", "cpus": 2, "memory": 1 << 30, "os": "Debian", "kernel": "6", "gpus": [{"name": "g"}]},
    "worktree": {"modified": True, "paths": ["train.py"]},
    "metrics": {"loss": {"last": 1.0, "min": 0.5, "max": 2.0, "count": 3}},
    "outputs": [{"path": "o", "size": 3, "sha256": "0" * 64}], "outputs_left_out": 1,
    "job": {"pid": 1, "start": 1}, "supervisor": {"pid": 1, "start": 1}, "boot_id": "b", "commit": "c" * 40, "publish": "/",
}  # fmt: skip
odd_texts = st.sampled_from(
    [
        "", "../../../etc", "/etc/passwd", "\x1b]0;owned\x07\x9b2J", "\u202e", "a\nb\r",
        "$(touch canary)", "#{x} #(touch canary)",
        "{config}", "{0.__class__}", "%s%n", "x" * 5000, "'; DROP TABLE runs; --", "-rf", "[red]x[/red]", ".git",
        "null", "\u200b",
        ID, "20251231-000000-parent", "GPU-zz,,", "local", "lost", "running", "1e999", "A=B", "[/x] [bold", "\U0001f600" * 300,
    ]
)  # fmt: skip
plain = st.none() | st.booleans() | st.integers() | st.integers(1 << 60, 1 << 70) | st.floats() | odd_texts
odd = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts | st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def paths_of(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a record."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from paths_of(value, (*above, key))


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with one place changed, or removed for `...`."""
    result = copy.deepcopy(data)
    here = result
    for part in path[:-1]:
        here = here[part]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return result


class Enemy:
    """A repository in which an enemy's records lie, asked in this process: that is a hundred times as many questions."""

    def __init__(self, git: Run, home: Path, repo: Path) -> None:
        self.git, self.home, self.repo = git, home, repo
        self.commit, self.tree = git("rev-parse", "HEAD", "HEAD^{tree}").split()

    def manifest(self, data: Any) -> bytes | None:
        """Sealed as ours are; None for what TOML cannot hold at all."""
        import tomli_w

        try:
            return seal(tomli_w.dumps(data).encode())
        except (TypeError, ValueError, AttributeError):
            return None

    def good(self) -> dict[str, Any]:
        return {**GOOD, "code": {**GOOD["code"], "commit": self.commit, "tree": self.tree}}

    def put(self, family: str, text: bytes) -> None:
        self.git("update-ref", f"refs/reprun/{family}/{ID}", self.git("hash-object", "-w", "--stdin", stdin=text))

    def ask(self, words: tuple[str, ...]) -> tuple[int, str, str]:
        from reprun.cli.app import run

        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = guard(words, lambda: run(list(words)))
        return status, out.getvalue(), err.getvalue()

    def holds(self, words: tuple[str, ...]) -> None:
        """The command ends as documented, shows no control character, starts nothing."""
        status, out, err = self.ask(words)
        assert status in DOCUMENTED, (words, status, err)
        if "--json" in words:
            json.loads(out, parse_constant=pytest.fail)
        else:
            assert not any(char in out for char in "\x1b\x07\x9b\u202e\u200b"), (words, out)
        assert not any(char in err for char in "\x1b\x07\x9b\u202e\u200b"), (words, err)
        assert not list(self.home.glob("runs/*")) and not (self.repo / "canary").exists()


@pytest.fixture
def enemy(repo: Path, git: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> Enemy:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setenv("TMPDIR", str(home))  # a report of a fault would go there
    return Enemy(git, home, repo)


EXAMPLES = int(os.environ.get("REPRUN_FUZZ", "30"))
many = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@many
@given(st.sampled_from(list(paths_of(GOOD))), odd | st.just(...), st.lists(st.sampled_from(COMMANDS), min_size=4, max_size=4))
def test_any_field_of_a_manifest_may_hold_anything(enemy: Enemy, path: Any, value: Any, commands: list[tuple[str, ...]]) -> None:
    text = enemy.manifest(changed(enemy.good(), path, value))
    if text is None:
        return
    enemy.put("manifests", text)
    for words in commands:
        enemy.holds(words)


@many
@given(st.sampled_from(list(paths_of(OUTCOME))), odd | st.just(...), st.lists(st.sampled_from(COMMANDS), min_size=4, max_size=4))
def test_any_field_of_an_outcome_may_hold_anything(enemy: Enemy, path: Any, value: Any, commands: list[tuple[str, ...]]) -> None:
    enemy.put("manifests", enemy.manifest(enemy.good()) or b"")
    enemy.git("update-ref", "-d", f"refs/reprun/outcomes/{ID}")
    enemy.put("outcomes", json.dumps(changed(OUTCOME, path, value)).encode())
    for words in commands:
        enemy.holds(words)


def test_records_that_are_no_records(enemy: Enemy) -> None:
    good = enemy.manifest(enemy.good()) or b""
    body = good.partition(b"\n")[2]
    manifests = [
        b"", b"\0" * 100, b"\xff\xfe" + "a = 1".encode("utf-16"), seal(b"\xef\xbb\xbf" + body),
        seal(body.replace(b"theirs", b"th\xffirs")),
        seal(b"x = " + b"[" * 300 + b"]" * 300 + b"\n" + body), seal(b"x." + b"a." * 5000 + b"a = 1\n" + body),
        seal(body + body),
        seal(b"x = " + b"9" * 4000 + b"\n" + body), seal(b"x = " + b"9" * 9000 + b"\n" + body), seal(b"x = [nan, inf]\n" + body),
        seal(b"x = 1979-05-27T07:32:00Z\n" + body), seal(b"x = 1\nx = 2\n" + body), good[:-40], good + b"\0",
        seal(b"#" * (9 << 20)),
        seal(b'x = "' + b"\\u001b" * 1000 + b'"\n' + body), seal(body.replace(b"\n", b"\r\n")),
    ]  # fmt: skip
    for text in manifests:
        enemy.put("manifests", text)
        for words in READERS:
            enemy.holds(words)
    enemy.put("manifests", good)
    state = f'{{"run_id": "{ID}", "state": "finished", '.encode()
    outcomes = [
        b"", b"\0", b"null", b"[]", b"{" * 100_000, state + b'"x": ' + b"[" * 900 + b"]" * 900 + b"}",
        state + b'"exit_code": 1e999}',
        state + b'"metrics": {"a": {"last": NaN, "min": -Infinity}}}', state + b'"stopped_by": "\\ud800\\u001b[2J"}',
        state + b'"metrics": {"\\ud800": {"last": 1}}}', state + b'"exit_code": ' + b"9" * 4000 + b"}",
        state + b'"a": 1, "a": 2}',
        state + b'"exit_code": true}', b"\xff" + state, state + b'"problems": "' + b"x" * (5 << 20) + b'"}', state[:-30],
    ]  # fmt: skip
    for text in outcomes:
        enemy.git("update-ref", "-d", f"refs/reprun/outcomes/{ID}")
        enemy.put("outcomes", text)
        (enemy.repo / ".git/reprun/index.sqlite").unlink(missing_ok=True)
        for words in READERS:
            enemy.holds(words)


def test_refs_that_lead_elsewhere(enemy: Enemy) -> None:
    """To a commit, a tree, nothing; with names that are no run ids."""
    enemy.put("manifests", enemy.manifest(enemy.good()) or b"")
    blob = enemy.git("rev-parse", f"refs/reprun/manifests/{ID}")
    for target in (enemy.commit, enemy.tree):
        enemy.git("update-ref", f"refs/reprun/manifests/{ID}", target)
        for words in COMMANDS:
            enemy.holds(words)
    enemy.git("update-ref", f"refs/reprun/manifests/{ID}", blob)
    for name in (
        "x",
        "a/b/c",
        "20260101-000000-enemy7.lock2",
        "-rf",
        "20260101-000000-enemy7/x"[:24] + "-",
        "\u202eevil",
        "$(touch canary)",
    ):
        enemy.git("update-ref", f"refs/reprun/manifests/{name}", blob, check=False)
    for words in COMMANDS:
        enemy.holds(words)
    assert [row["run_id"] for row in json.loads(enemy.ask(("ls", "--json"))[1])["data"]] == [ID]
    for commit in (enemy.tree, blob):  # full ids, of no commit
        data = enemy.good()
        data["code"]["commit"] = commit
        enemy.put("manifests", enemy.manifest(data) or b"")
        assert enemy.ask(("reproduce", "--yes", ID))[0] == 6
        for words in COMMANDS:
            enemy.holds(words)
