"""A stage begins with the output of the stage before, and cannot change it."""

import os
import stat

import pytest

from reprun.runner import inherit as inheriting
from reprun.runner.inherit import inherit


@pytest.fixture(params=["copies", "second names"])
def folders(request, tmp_path, monkeypatch):
    monkeypatch.setattr(inheriting, "SMALL", 1 << 20 if request.param == "copies" else 0)
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep" / "er").mkdir(parents=True)
    target.mkdir()
    (source / "a.txt").write_text("a")
    (source / "deep" / "er" / "b.txt").write_text("b")
    (source / "deep" / "link").symlink_to("er/b.txt")
    (source / "folder").symlink_to("deep")
    os.mkfifo(source / "pipe")
    return source, target


def test_everything_is_there_and_pipes_are_left_out(folders):
    source, target = folders
    inherit(str(source), str(target))
    assert (target / "a.txt").read_text() == "a"
    assert (target / "deep" / "er" / "b.txt").read_text() == "b"
    assert os.readlink(target / "deep" / "link") == "er/b.txt"
    assert os.readlink(target / "folder") == "deep"
    assert not (target / "pipe").exists()


def test_what_the_later_stage_replaces_or_removes_stays_in_the_earlier(folders):
    source, target = folders
    inherit(str(source), str(target))
    (target / "new").write_text("new")
    os.replace(target / "new", target / "a.txt")
    (target / "deep" / "er" / "b.txt").unlink()
    assert (source / "a.txt").read_text() == "a"
    assert (source / "deep" / "er" / "b.txt").read_text() == "b"


def test_a_second_name_of_a_file_is_read_only_and_a_copy_is_the_runs_own(folders):
    source, target = folders
    inherit(str(source), str(target))
    if os.stat(source / "a.txt").st_ino == os.stat(target / "a.txt").st_ino:
        assert not stat.S_IMODE(os.stat(target / "a.txt").st_mode) & 0o222
    else:
        (target / "a.txt").write_text("changed")
        assert (source / "a.txt").read_text() == "a"


def test_what_is_there_already_stays(folders):
    source, target = folders
    (target / "a.txt").write_text("mine")
    inherit(str(source), str(target))
    assert (target / "a.txt").read_text() == "mine"


def test_an_output_that_is_gone_is_an_error(tmp_path):
    with pytest.raises(OSError, match="gone"):
        inherit(str(tmp_path / "none"), str(tmp_path))
