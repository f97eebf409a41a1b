"""What is said of a folder in which no environment works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprun.runner.env_ensure import ensure
from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home


@pytest.mark.parametrize("name", ['a"b', "a$b", "a:b", "a\\b", "a`b", "a\nb", os.fsdecode(b"caf\xe9")])
def test_a_folder_that_scripts_or_path_cannot_name_is_refused_before_anything_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunnerError, match="name") as caught:
        ensure(Home(str(tmp_path / name)), {"digest": "0" * 64, "plan": {"digest": "0" * 64, "packages": []}})
    assert caught.value.kind == "usage" and "REPRUN_HOME" in caught.value.hint
    assert os.listdir(tmp_path) == []
