"""What is remembered of files of settings is what they say, and nothing is worth less than reading them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reprun.config import remembered
from reprun.config.project import Known, Settings, find_settings
from reprun.config.schema import parse_settings

TEXT = """
auto_commit = "branch"
writable = ["outputs", "logs"]
pass_env = []
[env]
A = "1"
[verdict.metrics."val/*"]
atol = 0.2
[targets.gpu1]
host = "gpu1.lab"
timeout = 3
"""


@pytest.fixture
def memo(tmp_path: Path) -> str:
    """Where the memo is kept."""
    return str(tmp_path / "state" / "settings.json")


def read(tmp_path: Path, memo: str, text: str = TEXT) -> Settings:
    (tmp_path / "reprun.toml").write_text(text)
    return find_settings(str(tmp_path), memo=memo)


def test_the_same_bytes_say_the_same(tmp_path: Path, memo: str) -> None:
    first = read(tmp_path, memo)
    assert first.news and first.writable == ("outputs", "logs")
    remembered.remember(memo, first.news)
    again = read(tmp_path, memo)
    assert again == first == find_settings(str(tmp_path)) and not again.news
    assert repr(again.writable) == repr(first.writable) and isinstance(again.pass_env, tuple)


def test_both_files_are_remembered_together(tmp_path: Path, memo: str) -> None:
    user = tmp_path / "user.toml"
    user.write_text("require_clean = true\n")
    (tmp_path / "reprun.toml").write_text(TEXT)
    for text in ("", "config = 'a.yaml'\n"):
        (tmp_path / "reprun.toml").write_text(text)
        remembered.remember(memo, find_settings(str(tmp_path), str(user), memo).news)
        assert not find_settings(str(tmp_path), str(user), memo).news


def test_other_bytes_another_name_or_other_rules_are_not_recalled(memo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered.remember(memo, [Known(TEXT, "reprun.toml", parse_settings(TEXT))])
    assert remembered.recall(memo, TEXT, "reprun.toml") == parse_settings(TEXT)
    assert remembered.recall(memo, TEXT + "\n", "reprun.toml") is None
    assert remembered.recall(memo, TEXT, "user.toml") is None
    monkeypatch.setattr(remembered, "__version__", "0.0")
    assert remembered.recall(memo, TEXT, "reprun.toml") is None


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"a": 1}', "\0", "[" * 5000])
def test_a_damaged_memo_is_none(tmp_path: Path, memo: str, damage: str) -> None:
    remembered.remember(memo, read(tmp_path, memo).news)
    Path(memo).write_text(damage)
    assert read(tmp_path, memo) == find_settings(str(tmp_path))


def test_values_that_would_come_back_changed_stay_out(tmp_path: Path, memo: str) -> None:
    text = "[targets.x]\nhost = 'x'\n[targets.x.options]\nqueues = ['a', 'b']\n"
    remembered.remember(memo, read(tmp_path, memo, text).news)
    assert json.loads(Path(memo).read_text()) == {}
    assert read(tmp_path, memo, text).targets["x"]["options"] == {"queues": ["a", "b"]}


def test_a_memo_that_cannot_be_written_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    remembered.remember(str(tmp_path / "state" / "settings.json"), read(tmp_path, "").news)


def test_what_is_recalled_needs_no_reader_of_toml(tmp_path: Path, memo: str) -> None:
    remembered.remember(memo, read(tmp_path, memo).news)
    code = f"import sys, reprun.config.project as p; p.find_settings({str(tmp_path)!r}, None, {memo!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tomllib", "typing", "reprun.config.schema", "datetime"} & set(loaded)
