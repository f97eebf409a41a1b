"""Hundreds of hostile texts in every place that takes one, in this process: recorded exactly, or refused in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import hostile
from lab import Run

from reprun.commands.build_spec import LaunchOptions, build_spec
from reprun.config.project import find_settings
from reprun.config.run_config import resolve
from reprun.core.errors import ReprunError
from reprun.core.placeholders import check, fill
from reprun.core.select import Filter, parse_commit, parse_since, parse_state, parse_where
from reprun.core.spec import RunSpec
from reprun.core.text import is_recordable, show
from reprun.repo.discover import find_repository
from reprun.store.find import get_run
from reprun.store.manifests import parse_manifest, render_manifest
from reprun.workspace import Workspace, open_workspace

ID = "20260101-000000-enemy7"
_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\}")


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[list[str]]:
    """The hostile texts; at the end nothing has been made by any of them."""
    canary = tmp_path / "canary"
    yield hostile(canary)
    assert not canary.exists()


@pytest.fixture
def workspace(repo: Path, home: Path) -> Workspace:
    return open_workspace()


def refused_or(call: Callable[[], Any]) -> Any:
    """What `call` returns, or None after a refusal as the design wants it: one sentence that a terminal can show."""
    try:
        return call()
    except ReprunError as error:
        assert error.exit_code in (2, 3, 6) and error.message, error
        said = f"{error.message}{error.hint}"
        assert "\n" not in said and "\x1b" not in said and "\u202e" not in said, said
        return None


def test_there_are_enough_of_them(texts: list[str]) -> None:
    assert len(texts) >= 300


def test_a_manifest_holds_every_recordable_text_in_every_place(texts: list[str]) -> None:
    fine = [text for text in texts if is_recordable(text)]
    assert len(fine) > len(texts) - 10
    for text in fine:
        names = {f"{text}x".replace("=", "_"): text}
        data = {
            "schema_version": 1, "run_id": ID, "name": text, "why": text, "created": text,
            "command": {"argv": [f"{text}x", text, text], "cwd": ""},
            "code": {"commit": "c" * 40, "tree": "7" * 40, "branch": text},
            "config": {"source": text, "format": "yaml", "sets": [text], "text": text},
            "seeds": {"root": 1, "origin": text, "named": {text: 1}},
            "environment": {"kind": text, "packages": [text]},
            "variables": {"values": names, "configured": list(names), "secret": list(names)},
            "target": {"name": text, "hostname": text, "gpus": "", "run_dir": text},
            "data": [{"path": text, "size": 1, "sha256": text}],
        }  # fmt: skip
        assert parse_manifest(render_manifest(data).encode(), ID).data == data


def test_the_words_of_a_command_reach_the_job_as_they_are(texts: list[str]) -> None:
    """But for placeholders, which are filled once: what is filled in is not looked at again."""
    values = {"config": "{output}", "output": "/out", "seed": "7", "run_id": ID, "worktree": "$(w)"}
    for text in texts:
        literal = _PLACEHOLDER.sub(r"{{\1}}", text)
        if "{{{" not in literal and "}}}" not in literal and "{{" not in text:
            assert fill([literal], values, None) == [text]
        assert fill(["{x}"], values, {"x": text}) == [text]
        refused_or(lambda text=text: check([text], {"x": 1}))
    assert fill(["{config}"], values, None) == ["{output}"]


OPTIONS: dict[str, Callable[[str], LaunchOptions]] = {
    "--name": lambda text: LaunchOptions(("true",), name=text),
    "-m": lambda text: LaunchOptions(("true",), why=text),
    "--on": lambda text: LaunchOptions(("true",), target=text),
    "--gpus": lambda text: LaunchOptions(("true",), gpus=text),
    "--config": lambda text: LaunchOptions(("true",), config=text),
    "--set": lambda text: LaunchOptions(("true", "{config}"), sets=(text,)),
    "--set key": lambda text: LaunchOptions(("true", "{config}"), sets=(f"+{text}=1",)),
    "--set value": lambda text: LaunchOptions(("true", "{config}"), sets=(f"+x={text}",)),
    "argv": lambda text: LaunchOptions(("true", text)),
    "program": lambda text: LaunchOptions((text,)),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_launch(workspace: Workspace, texts: list[str], option: str) -> None:
    taken = 0
    for text in texts:
        spec: RunSpec | None = refused_or(lambda text=text: build_spec(workspace, OPTIONS[option](text)))
        if spec is None:
            continue
        taken += 1
        held = {"--name": spec.name, "-m": spec.why, "argv": spec.argv[-1], "program": spec.argv[0]}
        assert held.get(option, text) == text
        assert option != "--gpus" or spec.gpus == text
        assert is_recordable(spec.config.text if spec.config else "")
        assert option != "--on" or text == "local"
    assert taken >= (300 if option in ("-m", "argv", "--set value") else 0)


def test_the_values_of_set_are_in_the_config_as_typed(texts: list[str]) -> None:
    """Whatever is no number, flag, list or mapping of YAML is a text, to the letter; and both formats give it back."""
    from reprun.config.formats import parse, parse_value

    for text in filter(is_recordable, texts):
        value = refused_or(lambda text=text: parse_value(text))
        if value is None:
            continue
        assert not isinstance(value, str) or value == text or text.strip()[:1] in "'\"|>"
        record = resolve(None, None, [f"x={text}"], None, ["{config}"])
        assert record is not None
        assert repr(parse(record.text, "yaml", "x")["x"]) == repr(value)


@pytest.mark.parametrize("fmt", ["yaml", "json", "toml"])
def test_the_keys_and_values_of_a_config(texts: list[str], fmt: str) -> None:
    from reprun.config.formats import parse, render

    for text in filter(is_recordable, texts):
        values = {text: {text: [text, {"a": text}]}}
        assert parse(render(values, fmt), fmt, "config") == values
        refused_or(lambda text=text: parse(text, fmt, text))


def test_naming_a_run(workspace: Workspace, texts: list[str]) -> None:
    history = workspace.history()
    for text in filter(is_recordable, texts):  # other words are refused before any command sees them
        assert refused_or(lambda text=text: get_run(history, text)) is None


def test_the_filters_of_ls(workspace: Workspace, texts: list[str]) -> None:
    from datetime import datetime, timezone

    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    for text in texts:
        for where in (text, f"{text}=1", f"x={text}", f"x<{text}"):
            found = refused_or(lambda where=where: parse_where(where))
            if found and is_recordable(where):
                assert workspace.history().newest(Filter(where=(found,))) == []
        for parse in (parse_commit, parse_state, lambda text: parse_since(text, now)):
            refused_or(lambda text=text, parse=parse: parse(text))
        if is_recordable(text):
            assert workspace.history().newest(Filter(name=text)) == []


def test_the_branch(git: Run, repo: Path, texts: list[str]) -> None:
    seen = 0
    commit = git("rev-parse", "HEAD")
    for text in texts:
        if "\0" in text or "\ud800" in text or len(os.fsencode(text)) > 200:  # no bytes could be these
            continue
        if subprocess.run(["git", "check-ref-format", f"refs/heads/{text}"], check=False).returncode:
            continue
        path = repo / ".git" / "refs" / "heads" / text
        git("update-ref", f"refs/heads/{text}", commit, check=False)
        git("symbolic-ref", "HEAD", f"refs/heads/{text}", check=False)
        if path.exists():
            seen += 1
            assert find_repository(str(repo)).branch == f"refs/heads/{text}"
            path.unlink()
    assert seen > 80


SETTINGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "key": lambda text: {text: 1},
    "config": lambda text: {"config": text},
    "writable": lambda text: {"writable": [text]},
    "data": lambda text: {"data": [{"path": text}]},
    "pass_env": lambda text: {"pass_env": [text]},
    "env name": lambda text: {"env": {text: "1"}},
    "env value": lambda text: {"env": {"A": text}},
    "target": lambda text: {"targets": {text: {"host": text, "scheduler": text}}},
    "ignore": lambda text: {"verdict": {"ignore": [text]}},
    "metric": lambda text: {"verdict": {"metrics": {text: {"rtol": 0.1}}}},
}


@pytest.mark.parametrize("place", SETTINGS)
def test_the_settings(workspace: Workspace, repo: Path, texts: list[str], place: str) -> None:
    import tomli_w

    from reprun.core.manifest import is_inside
    from reprun.targets import get_target

    for text in filter(is_recordable, texts):
        (repo / "reprun.toml").write_text(tomli_w.dumps(SETTINGS[place](text)))
        settings = refused_or(lambda: find_settings(str(repo), None))
        if settings is None:
            continue
        assert all(is_inside(part) and part for part in settings.writable)
        assert all(name and "=" not in name for name in settings.env)
        if place == "target":
            refused_or(lambda text=text, settings=settings: get_target(text, settings.targets))
        refused_or(
            lambda settings=settings: build_spec(Workspace(workspace.repository, settings, str(repo)), LaunchOptions(("true",)))
        )


def test_what_is_shown_is_one_line_without_controls(texts: list[str]) -> None:
    for text in texts:
        assert show(text).isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", show(text))
