"""What several tests of the crash matrix use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_lab import memory_folder

from reprun.runner.files import remove_tree


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, in memory where that is possible."""
    place = Path(tempfile.mkdtemp(prefix="cell-", dir=memory_folder()))
    yield place
    remove_tree(str(place))
