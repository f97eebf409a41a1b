"""What pyproject.toml says of a project, in the words of several tools, and of strangers."""

from __future__ import annotations

import pytest

from reprun.commands.env_project import read_project
from reprun.core.errors import UsageError

POETRY = b"""
[tool.poetry]
name = "old"
version = "2"
packages = [{ include = "old", from = "lib" }, 7]
[tool.poetry.scripts]
old = "old:main"
[tool.poetry.plugins."a.group"]
x = "old:x"
"""


def test_of_standard_metadata() -> None:
    text = b'[project]\nname = "demo"\ndynamic = ["version"]\ndependencies = ["numpy"]\n[project.scripts]\ntrain = "demo:main"\n'
    found = read_project(text + b'[project.entry-points."g"]\nx = "demo:x"\n[build-system]\nbuild-backend = "maturin"\n')
    assert (found["name"], found["version"], found["requires"]) == ("demo", "", ["numpy"])
    assert found["scripts"] == {"train": "demo:main"} and found["entry_points"] == {"g": {"x": "demo:x"}}
    assert "compiled parts are not built" in found["note"] and "python_path" not in found


def test_of_poetry_and_setuptools() -> None:
    found = read_project(POETRY)
    assert (found["name"], found["version"], found["scripts"]) == ("old", "2", {"old": "old:main"})
    assert found["entry_points"] == {"a.group": {"x": "old:x"}} and found["python_path"] == ["lib", ""]
    where = b'[tool.setuptools]\npackage-dir = {"" = "python"}\npackages.find.where = ["lib", "../out", "/etc", 3]\n'
    assert read_project(where)["python_path"] == ["python", "lib", ""]


@pytest.mark.parametrize(
    "text", [b"", b"project = 3", b"[project]\nname = 7\nscripts = 1\nentry-points = [1]\ndependencies = 4\n"]
)
def test_fields_of_a_wrong_type_are_left_out(text: bytes) -> None:
    found = read_project(text)
    assert not found["scripts"] and not found["entry_points"] and not found["requires"]


@pytest.mark.parametrize("text", [b"\xff", b"x = " + b"[" * 5000, b"[project"])
def test_what_is_no_toml_is_an_error_of_one_sentence(text: bytes) -> None:
    with pytest.raises(UsageError):
        read_project(text)
