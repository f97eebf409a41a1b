"""`reprun init`: what it finds, and that every line of what it writes can be used."""

from __future__ import annotations

import os
import re

import pytest

from reprun.commands.init import plan_init, write_init
from reprun.config.project import Settings, find_settings
from reprun.config.schema import SCHEMA, parse_settings
from reprun.core.errors import RefusedError, ToolError

SETTING = re.compile(r"^#(?=[a-z\[])", re.IGNORECASE | re.MULTILINE)


def make(top, *paths):
    for path in paths:
        if path.endswith("/"):
            (top / path).mkdir(parents=True)
        else:
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text("")


def test_an_empty_folder_gets_the_defaults(tmp_path):
    path = write_init(str(tmp_path))
    assert path == str(tmp_path / "reprun.toml")
    assert find_settings(str(tmp_path)) == Settings(files=(path,))
    assert os.listdir(tmp_path) == ["reprun.toml"]
    assert (tmp_path / "reprun.toml").stat().st_mode & 0o777 == 0o644


def test_all_lines_together_are_valid(tmp_path):
    text = SETTING.sub("", plan_init(str(tmp_path)).text)
    values = parse_settings(text)
    assert set(values) == set(SCHEMA)  # every key is explained
    assert values["verdict"].keys() == {"rtol", "atol", "ignore", "metrics"}


def test_each_line_by_itself_is_valid(tmp_path):
    text = plan_init(str(tmp_path)).text
    matches = list(SETTING.finditer(text))
    assert len(matches) >= len(SCHEMA)
    for match in matches:
        assert parse_settings(text[: match.start()] + text[match.end() :]) != parse_settings(text)


def test_the_defaults_that_it_shows_are_the_defaults(tmp_path):
    text = plan_init(str(tmp_path)).text
    for key in ("auto_commit", "require_clean", "hash_limit", "grace", "rtol", "atol"):
        text = re.sub(rf"^#(?={key} )", "", text, flags=re.MULTILINE)
    (tmp_path / "reprun.toml").write_text(text)
    settings = find_settings(str(tmp_path))
    assert (settings.auto_commit, settings.require_clean) == (
        Settings().auto_commit,
        Settings().require_clean,
    )
    assert (settings.hash_limit, settings.grace) == (Settings().hash_limit, Settings().grace)
    assert settings.tolerances() == Settings().tolerances()


def test_what_is_there_is_found(tmp_path):
    make(
        tmp_path,
        ".git/",
        "environment.yml",
        "conda-lock.yml",
        "pyproject.toml",
        "conf/base.yaml",
        "conf/x.yaml",
        "tests/preflight/test_a.py",
    )
    plan = plan_init(str(tmp_path))
    assert plan.git
    assert not plan.exists
    assert (plan.environment, plan.lock, plan.project) == (
        "environment.yml",
        "conda-lock.yml",
        "pyproject.toml",
    )
    assert (plan.config_folder, plan.config, plan.preflight) == ("conf", "conf/base.yaml", "tests/preflight")
    write_init(str(tmp_path))
    assert find_settings(str(tmp_path)).config == "conf/base.yaml"
    assert find_settings(str(tmp_path)).preflight == {"tests": ("tests/preflight",)}
    found = "# Found here: environment.yml, conda-lock.yml, pyproject.toml, conf/base.yaml, tests/preflight.\n"
    assert found in (tmp_path / "reprun.toml").read_text()


@pytest.mark.parametrize(
    ("paths", "config"),
    [
        (["conf/a.yaml", "conf/b.yaml"], ""),
        (["conf/a.yaml", "conf/README.md"], "conf/a.yaml"),
        (["configs/default.toml", "configs/a.toml"], "configs/default.toml"),
        (["config/sub/base.yaml"], ""),
        (["config.yaml", "other.yaml"], "config.yaml"),
        (["other.yaml"], ""),
        (["conf/", "config.json"], "config.json"),
        (['conf/it"s [new].yaml'], 'conf/it"s [new].yaml'),
    ],
)
def test_the_obvious_config(tmp_path, paths, config):
    make(tmp_path, *paths)
    assert plan_init(str(tmp_path)).config == config
    write_init(str(tmp_path))
    assert find_settings(str(tmp_path)).config == config


def test_nothing_is_overwritten_unless_told(tmp_path):
    path = tmp_path / "reprun.toml"
    path.write_text("# mine\n")
    with pytest.raises(RefusedError) as caught:
        write_init(str(tmp_path))
    assert caught.value.message == f"there is a reprun.toml already: {path}"
    assert "--force" in caught.value.hint
    assert path.read_text() == "# mine\n"
    assert write_init(str(tmp_path), force=True) == str(path)
    assert path.read_text() != "# mine\n"
    assert os.listdir(tmp_path) == ["reprun.toml"]


def test_a_link_to_nowhere_is_not_followed(tmp_path):
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "reprun.toml").symlink_to("../elsewhere.toml")
    with pytest.raises(RefusedError):
        write_init(str(tmp_path / "top"))
    assert not (tmp_path / "elsewhere.toml").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(ToolError, match="cannot be written"):
        write_init(str(tmp_path / "missing"))
