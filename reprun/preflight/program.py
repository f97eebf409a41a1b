"""Is the program of the command there?"""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.placeholders import names_in
from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ProgramCheck:
    """The first word of the command must be a program on the target; one with a placeholder cannot be known yet."""

    name = "program"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding when the program is not found."""
        word = spec.argv[0]
        if prepared.get("program") or names_in([word]):
            return []
        if "/" in word:
            return [
                Finding(
                    self.name,
                    f"{show(word)} is not an executable file in the snapshot",
                    f"chmod +x {show(word)}, or check the path",
                )
            ]
        return [
            Finding(
                self.name,
                f"there is no program {show(word)} on the target's PATH",
                "check the spelling, or activate its environment first",
            )
        ]
