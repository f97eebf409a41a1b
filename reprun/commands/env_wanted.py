"""Does a launch need a locked environment? Where it does not, this is all that environments cost."""

from __future__ import annotations

import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSTEM = "system"  # in place of a lock: the run had none, and its reproduction has none
_USUAL = ("conda-lock.yml", "environment.yml", "environment.yaml")


def wants_environment(top: str, settings: Mapping[str, Any], lock: str) -> bool:
    """True for a run that was locked with `lock`, and for a new one where the settings or the files at `top` say so."""
    if lock:
        return lock != SYSTEM
    kind = settings.get("kind", "auto")
    if kind != "auto":
        return bool(kind == "conda")
    names = {*_USUAL, settings.get("lock", _USUAL[0])}
    return bool(settings.get("files")) or any(os.path.lexists(os.path.join(top, str(name))) for name in names)


def active_prefix(environ: Mapping[str, str]) -> str:
    """The conda environment that the user's shell has activated; empty for none, and for conda's own, where nobody works."""
    prefix = environ.get("CONDA_PREFIX", "")
    if not prefix or environ.get("CONDA_DEFAULT_ENV") == "base" or not os.path.isdir(os.path.join(prefix, "conda-meta")):
        return ""
    return prefix
