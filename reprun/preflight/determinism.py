"""Does the experiment do the same again?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Finding


class DeterminismCheck:
    """What the probe of `[preflight] determinism` has shown. It marks the run, and refuses nothing."""

    name = "determinism"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """A warning unless it is deterministic."""
        facts = prepared.get("preflight", {}).get("determinism", {})
        if facts.get("deterministic", True):
            return []
        runs = " ".join(show(str(run)) for run in facts.get("runs", []))
        if facts["deterministic"] is None:
            message = f"whether the experiment is deterministic is not known: {show(str(facts.get('problem', '')))}"
            return [Finding(self.name, message, f"reprun logs {runs.split()[0]}" if runs else _probe(spec), WARN)]
        why = show(str(facts.get("culprit") or facts.get("said", "")))
        return [Finding(self.name, f"the experiment is not deterministic: {why}", f"reprun diff {runs}", WARN)]


def _probe(spec: RunSpec) -> str:
    config = ["--config", spec.config.source] if spec.config and spec.config.source else []
    sets = [word for one in (spec.config.sets if spec.config else ()) for word in ("--set", one)]
    return "reprun probe " + show(shlex.join([*config, *sets, "--", *spec.argv]))
