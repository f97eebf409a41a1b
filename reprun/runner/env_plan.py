"""The plan of an environment: packages with their addresses and digests, for one platform. It comes from a lock and is data."""

from __future__ import annotations

import re
from typing import Any, Dict, List

from reprun.runner.errors import RunnerError

_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!~=-]*\.(conda|tar\.bz2|whl|tar\.gz|zip)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_HEX = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}


def check_plan(plan: Dict[str, Any]) -> None:
    """Raises `RunnerError` for a plan that names no digest of itself, or a package that could not be told from another."""
    if not _HEX["sha256"].fullmatch(str(plan.get("digest"))):
        raise RunnerError("usage", "the plan of an environment has no digest")
    for package in plan["packages"]:
        file = str(package["file"])
        if package["manager"] not in ("conda", "pip") or not _FILE.fullmatch(file):
            raise RunnerError("usage", "%r is no package of conda or pip" % file)
        hashes = {kind: str(package.get(kind) or "") for kind in _HEX}
        if not any(hashes.values()) or (package["manager"] == "pip" and not hashes["sha256"]):
            raise RunnerError("refused", "the lock has no hash of %s, so nobody can say what it is" % file, "reprun env lock")
        if package["manager"] == "pip" and not all(_WORD.fullmatch(str(package[key])) for key in ("name", "version")):
            # pip reads them in a file, where there could be options
            raise RunnerError("usage", "%r is no package of pip" % str(package["name"])[:80])
        if "python" in plan and package["manager"] != "pip":
            raise RunnerError("usage", "%s is no package for a virtual environment" % file)
        if any(value and not _HEX[kind].fullmatch(value) for kind, value in hashes.items()):
            raise RunnerError("usage", "the hash of %s in the lock is none" % file, "reprun env lock")


def of_manager(plan: Dict[str, Any], manager: str) -> List[Dict[str, Any]]:
    """The packages that conda or pip installs."""
    return [package for package in plan["packages"] if package["manager"] == manager]
