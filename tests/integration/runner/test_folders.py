"""Folders that several threads make at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reprun.runner.files import ensure_dir


def test_a_folder_whose_parent_another_thread_makes_meanwhile(tmp_path: Path) -> None:
    """Each round is a race for six folders below a new one."""
    with ThreadPoolExecutor(6) as pool:
        for number in range(100):
            paths = [str(tmp_path / str(number) / "a" / str(at)) for at in range(6)]
            assert list(pool.map(ensure_dir, paths)) == paths
