"""Fixtures for what is put on the path of jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from job_lab import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder to run programs in."""
    return Place(tmp_path)
