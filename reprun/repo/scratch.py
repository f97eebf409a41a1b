"""Scratch indexes and half-written files that killed processes left behind."""

from __future__ import annotations

import os
import re

from reprun.repo.discover import Repository
from reprun.runner.identity import is_orphan, start_time
from reprun.system.files import list_dir

_NAME = r"index-.*-([0-9]+)(\.lock|\.check|\.flat|\.flat\.lock)?"


def find_stale_scratch(repository: Repository) -> list[str]:
    """The paths of scratch indexes, and of files that were about to take the place of others, whose process is gone."""
    folder = os.path.join(repository.state_dir, "tmp")
    found = ((name, re.fullmatch(_NAME, name)) for name in list_dir(folder))
    scratch = [os.path.join(folder, name) for name, match in found if match and start_time(int(match[1])) is None]
    written = [repository.state_dir, os.path.join(repository.state_dir, "captures")]
    names = [(place, name) for place in written for name in list_dir(place)]
    return scratch + [os.path.join(place, name) for place, name in names if name.endswith(".tmp") and is_orphan(name)]
