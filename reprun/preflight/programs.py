"""Are the programs there that the job calls, in the right versions?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Finding, sources_of


class ProgramsCheck:
    """The programs of `[preflight.programs]`, each with a range of versions."""

    name = "programs"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each that is missing or another one; a version that nobody can read is only warned of."""
        facts = prepared.get("preflight", {}).get("programs", {})
        found = []
        for name, versions in spec.preflight.get("programs", {}).items():
            one = facts.get(name)
            if one is None:
                continue
            what, there = show(name), show(str(one["version"]))
            if not one["path"]:
                found.append(Finding(self.name, f"there is no program {what} on the target", _bring(what, prepared)))
            elif versions.strip() and (fits := _fits(str(one["version"]), versions)) is not True:
                path = show(str(one["path"]))
                if fits is None:
                    message = f"the version of {path} is not known: {versions} is wanted"
                    found.append(Finding(self.name, message, f"on the target: {path} --version", WARN))
                else:
                    message = f"{what} is of version {there}, {versions} is wanted ({path})"
                    found.append(Finding(self.name, message, _bring(what, prepared)))
        return found


def _fits(version: str, versions: str) -> bool | None:
    """Whether the version is in the range; None when that cannot be told."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(versions).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return None


def _bring(name: str, prepared: Mapping[str, Any]) -> str:
    if sources_of(prepared) == "environment.yml":
        return f"add {name} to environment.yml, then launch again"
    return f"install such a {name} on the target, or put its folder on PATH there"
