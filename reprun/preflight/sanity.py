"""Have the sanity experiments passed that come before a long job?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Finding


class SanityCheck:
    """Those with `before` in `[sanity.NAME]`: one that did not come out as it must refuses the job that it comes before."""

    name = "sanity"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each that did not pass; one that was not run is only warned of."""
        found = []
        for one in prepared.get("preflight", {}).get("sanity", []):
            name, wanted = show(str(one["name"])), show(str(one["wanted"]))
            if one["passed"] is None:
                found.append(
                    Finding(
                        self.name, f"the sanity experiment {name} was not run on this code yet", f"reprun sanity {name}", WARN
                    )
                )
            elif not one["passed"]:
                message = f"the sanity experiment {name} did not pass: {show(str(one['why']))}; wanted was {wanted}"
                run = show(str(one["run_id"]))
                found.append(Finding(self.name, message, f"reprun logs {run}" if run else f"reprun sanity {name}"))
        return found
