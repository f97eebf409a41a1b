"""The practice project: a real Git repository, a tree that is not clean, training that repeats."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Answer, Run

from reprun.commands.demo import DemoProject, change_one_line, prepare_demo
from reprun.core.errors import RefusedError


@pytest.fixture
def project(tmp_path: Path, private_home: Path) -> DemoProject:
    return prepare_demo(str(tmp_path / "digits"))


def test_its_tree_is_not_clean(project: DemoProject, git: Run) -> None:
    edited, new = [f" M {path}" for path in project.modified], [f"?? {path}" for path in project.untracked]
    assert git("status", "--porcelain", cwd=project.folder).splitlines() == edited + new
    assert git("rev-list", "--count", "HEAD", cwd=project.folder) == "1"


def test_the_identity_of_the_user_is_not_used(project: DemoProject, git: Run) -> None:
    assert git("config", "user.name") == "Tester"
    assert git("log", "--format=%an %cn", cwd=project.folder) == "Demo Demo"


def test_one_line_changes(project: DemoProject) -> None:
    before = Path(project.folder, "train.py").read_text().splitlines()
    change = change_one_line(project)
    after = Path(project.folder, "train.py").read_text().splitlines()
    different = [index for index, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new]
    assert different == [change.number]
    assert before[change.number - 1].startswith(change.old)
    assert after[change.number - 1].startswith(change.new)


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert prepare_demo(str(tmp_path)).folder == str(tmp_path)


@pytest.mark.parametrize("what", ["file", "folder", "dangling link"])
def test_what_is_there_is_left_alone(tmp_path: Path, what: str) -> None:
    place = tmp_path / "mine"
    if what == "file":
        place.write_text("mine")
    elif what == "folder":
        place.mkdir()
        (place / "thesis.tex").write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(RefusedError) as caught:
        prepare_demo(str(place))
    assert "mine" in caught.value.message and caught.value.hint
    assert sorted(os.listdir(tmp_path)) == ["mine"]
    assert not place.is_dir() or os.listdir(place) == ["thesis.tex"]


def test_the_training_repeats_to_the_byte_and_learns(project: DemoProject) -> None:
    printed = []
    conf = Path(project.folder, "conf", "base.yaml")
    conf.write_text(conf.read_text().replace("epochs: 12", "epochs: 3"))
    for output in ("one", "two"):
        words = [sys.executable, "train.py", "--output", output]
        env = {"PATH": os.environ["PATH"], "REPRUN_SEED": "7"}
        done = subprocess.run(words, cwd=project.folder, env=env, capture_output=True, text=True, check=True)
        printed.append(done.stdout)
    one, two = (Path(project.folder, output) for output in ("one", "two"))
    assert printed[0] == printed[1]
    assert sorted(os.listdir(one)) == ["predictions.csv", "weights.json"]
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in os.listdir(one))
    assert float(printed[0].split()[-1]) > 0.9


def test_the_demo_tells_its_story_to_the_end(reprun: Callable[..., Answer], tmp_path: Path) -> None:
    done = reprun("demo", str(tmp_path / "digits"))
    assert done.rc == 0, done
    assert done.stdout.count(" IDENTICAL ") == 2
    assert "Your tree says DECAY = 0.8. What ran says:" in done.stdout
    # What was launched, and what ran after the change.
    assert done.stdout.count("learning rate 0.05, decay 1.0") == 2
    assert f"cd {tmp_path}/digits" in done.stdout


def test_only_the_project(reprun: Callable[..., Answer], tmp_path: Path) -> None:
    done = reprun("demo", "--project-only", "digits", cwd=tmp_path)
    assert done.rc == 0, done
    assert done.stdout == f"a practice project is in {tmp_path}/digits\n"
    assert reprun("ls", "--json", cwd=tmp_path / "digits").data == []
