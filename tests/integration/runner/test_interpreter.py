"""The environment of a job: asked of its own interpreter once, and again when anything that it depends on changes."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

from reprun.runner.interpreter import find_interpreter, probe


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A virtual environment without any package."""
    venv.create(tmp_path / "venv", symlinks=True, with_pip=False)
    return tmp_path / "venv" / "bin" / "python"


def site(python: Path) -> Path:
    return next((python.parent.parent / "lib").glob("python*/site-packages"))


def install(folder: Path, name: str, version: str) -> None:
    """What an installer leaves."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")


def ask(python: Path, tmp_path: Path, **env: str) -> dict[str, Any]:
    return probe(str(python), {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}, str(tmp_path), str(tmp_path / "cache"))


def test_what_is_recorded(python: Path, tmp_path: Path) -> None:
    install(site(python), "Some_Package", "1.2")
    record = ask(python, tmp_path)
    assert record["packages"] == ["some-package==1.2"]
    assert record["prefix"] == str(python.parent.parent) and record["executable"] == os.path.realpath(sys.executable)
    assert record["python"] == ".".join(map(str, sys.version_info[:3])) and len(record["digest"]) == 64


def test_a_package_that_comes_changes_or_goes_is_noticed(python: Path, tmp_path: Path) -> None:
    empty = ask(python, tmp_path)
    install(site(python), "numpy", "1.26.0")
    one = ask(python, tmp_path)
    (site(python) / "numpy-1.26.0.dist-info").rename(site(python) / "numpy-2.0.0.dist-info")
    two = ask(python, tmp_path)
    subprocess.run(["rm", "-r", str(site(python) / "numpy-2.0.0.dist-info")], check=True)
    assert [one["packages"], two["packages"]] == [["numpy==1.26.0"], ["numpy==2.0.0"]]
    assert len({empty["digest"], one["digest"], two["digest"]}) == 3
    assert ask(python, tmp_path) == empty


def test_an_unchanged_one_is_not_started_again(python: Path, tmp_path: Path) -> None:
    real = python.resolve()
    script = python.parent / "python-counted"
    script.write_text(f'#!/bin/sh\necho x >> {tmp_path}/starts\nexec {real} "$@"\n')
    script.chmod(0o755)
    assert ask(script, tmp_path) == ask(script, tmp_path)
    assert (tmp_path / "starts").read_text() == "x\n"


def test_variables_that_lead_to_other_packages_count(python: Path, tmp_path: Path) -> None:
    install(tmp_path / "libs", "hidden", "1")
    plain = ask(python, tmp_path)
    with_path = ask(python, tmp_path, PYTHONPATH=str(tmp_path / "libs"))
    assert (plain["packages"], with_path["packages"]) == ([], ["hidden==1"])
    assert ask(python, tmp_path) == plain


def test_a_package_of_the_user_is_noticed(tmp_path: Path) -> None:
    """`pip install --user` into a folder that was not there before."""
    base = Path(os.path.realpath(sys.executable))
    before = ask(base, tmp_path)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    install(tmp_path / ".local" / "lib" / version / "site-packages", "own-package", "1")
    assert set(ask(base, tmp_path)["packages"]) - set(before["packages"]) == {"own-package==1"}


def test_a_torn_memo_is_asked_again(python: Path, tmp_path: Path) -> None:
    record = ask(python, tmp_path)
    for memo in (tmp_path / "cache").rglob("*.json"):
        memo.write_text('{"record": ')
    assert ask(python, tmp_path) == record


def test_a_module_of_the_project_does_not_get_in_the_way(python: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    (tmp_path / "platform.py").write_text("raise SystemExit('imported')")
    assert ask(python, tmp_path)["python"]


def test_what_is_no_python_has_no_record(tmp_path: Path) -> None:
    assert probe(None, {}, str(tmp_path), str(tmp_path)) == {}
    assert probe("/bin/true", {}, str(tmp_path), str(tmp_path)) == {}
    assert probe("/nowhere", {}, str(tmp_path), str(tmp_path)) == {}


def test_which_interpreter_a_command_uses(python: Path, tmp_path: Path) -> None:
    env = {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    script = tmp_path / "train"
    script.write_text(f"#!{sys.executable}\n")
    script.chmod(0o755)
    assert find_interpreter(["python", "x.py"], env, str(tmp_path)) == str(python)
    assert find_interpreter([str(python)], {}, str(tmp_path)) == str(python)
    assert find_interpreter(["./train"], env, str(tmp_path)) == sys.executable
    assert find_interpreter(["bash", "-c", "python x.py"], env, str(tmp_path)) == str(python.parent / "python3")
    assert find_interpreter(["true"], {"PATH": "/nowhere"}, str(tmp_path)) is None
