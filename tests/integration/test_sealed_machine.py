"""A manifest that was sealed for one machine lets nothing start on another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import Answer

from reprun.commands.records import spec_from_manifest
from reprun.commands.steps import ensure_manifest
from reprun.core.errors import RefusedError
from reprun.core.spec import Attempt
from reprun.preflight.base import Cleared
from reprun.workspace import open_workspace


@pytest.mark.parametrize(("machine_id", "refused"), [("another", True), ("the same", False)])
def test_it_is_refused(repo: Path, reprun: Callable[..., Answer], machine_id: str, refused: bool) -> None:
    run_id = reprun("launch", "--json", "--", "true").data["run_id"]
    workspace = open_workspace()
    manifest, snapshot = workspace.manifest(run_id), workspace.snapshot(run_id)
    assert snapshot is not None
    here = str(manifest.table("target")["machine_id"])
    prepared: dict[str, Any] = {"host": {"machine_id": here if machine_id == "the same" else machine_id, "hostname": "node9"}}
    cleared = Cleared(Attempt(run_id, first=False), ())
    step = (workspace, workspace.target("local"), spec_from_manifest(manifest), snapshot, prepared, cleared)
    if not refused:
        assert ensure_manifest(*step).manifest == manifest
        return
    with pytest.raises(RefusedError, match="local leads to another machine now, node9; nothing ran"):
        ensure_manifest(*step)
