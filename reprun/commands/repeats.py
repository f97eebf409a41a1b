"""What repeats of an experiment have shown, for those who look at one of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.experiments import experiment_key
from reprun.core.measured import mapping
from reprun.core.probed import remark
from reprun.store.repeats import Repeats
from reprun.workspace import Workspace


def known_of(workspace: Workspace, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`probe` and `noise` of the experiment of a run, as measured here, else as its manifest is marked."""
    known = Repeats(workspace.repository.state_dir).read(experiment_key(manifest))
    marked = mapping(mapping(manifest.get("preflight")).get("determinism"))
    return {"probe": dict(marked), **known} if marked else known


def probe_remarks(known: Mapping[str, Any]) -> list[str]:
    """What a verdict says of the probe."""
    text = remark(known.get("probe", {}))
    return [f"the experiment is {text}"] if text else []
