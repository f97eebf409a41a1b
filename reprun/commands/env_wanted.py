"""Does a launch need a locked environment? Where it does not, this is all that environments cost."""

from __future__ import annotations

import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSTEM = "system"  # in place of a lock: the run had none, and its reproduction has none
_USUAL = ("conda-lock.yml", "environment.yml", "environment.yaml")
_UV, _REQUIREMENTS = "uv.lock", "requirements.txt"
HASHES = "uv pip compile --generate-hashes requirements.in -o requirements.txt"
_WITHOUT = (
    f"{_REQUIREMENTS} has no hashes, so the run gets the Python that is there: uv pip compile --generate-hashes, or pip-compile "
    'with it, makes it a lock; kind = "system" under [environment] in reprun.toml says that this is meant'
)


def wants_environment(top: str, settings: Mapping[str, Any], lock: str) -> bool:
    """True for a run that was locked with `lock`, and for a new one where the settings or the files at `top` say so."""
    if lock:
        return lock != SYSTEM
    return find_kind(top, settings) != SYSTEM


def find_kind(top: str, settings: Mapping[str, Any]) -> str:
    """What kind of environment the project at `top` has: "conda", "uv", "requirements" or "system"."""
    kind = str(settings.get("kind", "auto"))
    if kind != "auto":
        return kind
    if settings.get("files"):
        name = os.path.basename(str(settings["files"][0]))
        return "uv" if name == _UV else "requirements" if name.endswith(".txt") else "conda"
    names = {*_USUAL, settings.get("lock", _USUAL[0])}
    if any(os.path.lexists(os.path.join(top, str(name))) for name in names):
        return "conda"
    if os.path.lexists(os.path.join(top, _UV)):
        return "uv"
    return "requirements" if b"--hash" in _requirements(top) else SYSTEM


def note_on_system(top: str, settings: Mapping[str, Any]) -> str:
    """What should be said of a run that gets no environment; empty for nothing."""
    is_told = settings.get("kind", "auto") != "auto"
    return "" if is_told or not _requirements(top).strip() else _WITHOUT


def _requirements(top: str) -> bytes:
    try:
        with open(os.path.join(top, _REQUIREMENTS), "rb") as file:
            return file.read()
    except OSError:
        return b""


def active_prefix(environ: Mapping[str, str]) -> str:
    """The conda environment that the user's shell has activated; empty for none, and for conda's own, where nobody works."""
    prefix = environ.get("CONDA_PREFIX", "")
    if not prefix or environ.get("CONDA_DEFAULT_ENV") == "base" or not os.path.isdir(os.path.join(prefix, "conda-meta")):
        return ""
    return prefix


def active_venv(environ: Mapping[str, str]) -> str:
    """The virtual environment that the user's shell has activated; empty for none."""
    prefix = environ.get("VIRTUAL_ENV", "")
    return prefix if prefix and os.path.isfile(os.path.join(prefix, "pyvenv.cfg")) else ""
