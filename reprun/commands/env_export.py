"""`reprun env export`: a lock of what is installed in a prefix, as it is, without solving anything."""

from __future__ import annotations

import os
from collections.abc import Mapping

from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.export import Exported, export
from reprun.env.installed import Package, read_prefix
from reprun.runner.virtual import find_platform
from reprun.system.files import explained, write_atomic


@dataclass(frozen=True)
class ExportResult:
    """The lock of a prefix, its explicit list (one address for each package of conda's), and where the lock was written."""

    prefix: str
    exported: Exported
    explicit: str
    path: str


def export_environment(prefix: str, path: str, environ: Mapping[str, str]) -> ExportResult:
    """The lock of `prefix`, or of the active environment; written to `path` if there is one.

    Raises `NotFoundError` for what is no prefix.
    """
    prefix = os.path.abspath(prefix) if prefix else environ.get("CONDA_PREFIX", "")
    if not prefix:
        raise UsageError("no conda environment is active", hint="reprun env export PREFIX")
    here = find_platform()
    packages = read_prefix(prefix)
    exported = export(packages, here["platform"], here["virtual"])
    if path:
        with explained(path, "written"):
            write_atomic(os.path.abspath(path), exported.text, 0o644)  # it is meant to be committed
    return ExportResult(prefix, exported, _explicit(packages, here["platform"]), path)


def get_exported(prefix: str, platform: str, virtual: Mapping[str, str]) -> bytes:
    """The lock of a prefix, for a launch. Raises `RefusedError` when packages of it cannot be had again."""
    exported = export(read_prefix(prefix), platform, virtual)
    if exported.unknown:
        names = ", ".join(exported.unknown[:5]) + (f" and {len(exported.unknown) - 5} more" if len(exported.unknown) > 5 else "")
        raise RefusedError(
            f"the environment {show(prefix)} cannot be made again: nobody knows where {names} came from",
            hint="add them to environment.yml, then reprun env lock",
        )
    return exported.text


def _explicit(packages: list[Package], platform: str) -> str:
    """What `conda create --file` takes, and below it, as conda-lock writes them, the packages of pip, which conda skips."""
    lines = sorted(f"{one.url}#{one.md5}" for one in packages if one.manager == "conda")
    pip = sorted(f"# pip {one.name} @ {one.url}#sha256={one.sha256}" for one in packages if one.manager == "pip" and one.sha256)
    return "\n".join([f"# platform: {platform}", "@EXPLICIT", *lines, *pip]) + "\n"
