"""Are the environment variables there that the job needs?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import Finding


class VariablesCheck:
    """The variables of `[preflight] variables` are set for the job, and not empty."""

    name = "variables"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each that is not."""
        values = {**prepared.get("inherited", {}), **spec.variables}
        there = {name for name, value in values.items() if value} | set(spec.secrets)
        return [
            Finding(
                self.name,
                f"the job has no variable {show(name)}",
                f'export {show(name)}=… on the target and pass_env = ["{show(name)}"] in reprun.toml, or set it under [env]',
            )
            for name in spec.preflight.get("variables", ())
            if name not in there and not name.startswith("REPRUN_")
        ]
