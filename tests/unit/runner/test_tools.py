"""The line that installs a program, for each kind of user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprun.runner import tools

CONDA = "conda install -c conda-forge tmux   # without root; whoever runs the machine types: apt-get install tmux"


def place(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("there", "user", "is_admin", "line"),
    [
        (["apt-get", "sudo"], 0, False, "apt-get install -y tmux"),
        (["apt-get", "sudo"], 1000, True, "sudo apt-get install tmux"),
        (["dnf", "sudo"], 1000, True, "sudo dnf install tmux"),
        (["pacman"], 0, False, "pacman -S tmux"),
        (["apt-get", "sudo"], 1000, False, CONDA),
        (["apt-get"], 1000, True, CONDA),
    ],
)
def test_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str], user: int, is_admin: bool, line: str
) -> None:
    monkeypatch.setenv("PATH", place(tmp_path, *there))
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(tools, "_is_admin", lambda: is_admin)
    assert tools.install_line("tmux") == line
