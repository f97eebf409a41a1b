"""Do the project's own preflight tests pass?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Finding, sources_of
from reprun.preflight.imports import python_of

_NO_TESTS = 5  # of pytest


class TestsCheck:
    """`[preflight] tests` or `command`, run on the target in the worktree and environment of the job."""

    __test__ = False  # for pytest, which takes the name for its own
    name = "tests"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding where they did not pass."""
        facts, rules = prepared.get("preflight", {}).get("tests", {}), spec.preflight
        status, said = facts.get("status", 0), show(str(facts.get("last", "")))
        words = rules.get("command") or ["python", "-m", "pytest", *rules.get("tests", ())]
        again = "on the target, in the worktree: " + " ".join(show(str(word)) for word in words)
        if facts.get("lacks"):
            where = sources_of(prepared)
            hint = f"add pytest to {where}" if where else f"{python_of(prepared)} -m pip install pytest"
            return [Finding(self.name, f"the preflight tests cannot be run: {said}", again if rules.get("command") else hint)]
        if status is None:
            return [
                Finding(
                    self.name, "the preflight tests did not end in time", "[preflight] timeout in reprun.toml gives them longer"
                )
            ]
        if status == _NO_TESTS and not rules.get("command"):
            return [Finding(self.name, "there are no preflight tests where [preflight] tests says", again, WARN)]
        return [Finding(self.name, f"the preflight tests fail: {said}", again)] if status else []
