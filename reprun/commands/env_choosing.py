"""What locks are chosen and made from in this repository: its rules, the target, the files of the dev tree or of a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from reprun.commands.env_memory import recall_platform
from reprun.core.environment import EnvironmentRules
from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.text import show
from reprun.env.kept import Kept
from reprun.env.sources import USUAL, Sources, Wanted
from reprun.env.virtual import with_overrides
from reprun.repo import refs
from reprun.runner.paths import Home, home
from reprun.system.files import find_bytes
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.targets import Target

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Ground:
    """Where a lock is looked for: the rules, the paths of its sources (none: there are none), the locks that are kept."""

    rules: EnvironmentRules
    paths: tuple[str, ...]
    kept: Kept

    @property
    def cache(self) -> str:
        """A folder for what channels say."""
        return os.path.join(Home(home()).cache, "channels")


def find_ground(workspace: Workspace) -> Ground:
    """What this repository says of environments."""
    rules, top = workspace.settings.environment_rules(), workspace.repository.top
    if rules.pypi_names:
        from reprun.env.names import place_of_names

        rules = replace(rules, pypi_names=place_of_names(rules.pypi_names, top))
    return Ground(rules, find_paths(top, rules), Kept(workspace.repository.state_dir))


def find_paths(top: str, rules: EnvironmentRules) -> tuple[str, ...]:
    """The sources: those that the settings name, else the usual one at the top of the repository."""
    if rules.files:
        return rules.files
    usual = next((name for name in USUAL if os.path.lexists(os.path.join(top, name))), "")
    return (usual,) if usual else ()


def wanted_on(workspace: Workspace, target: Target, rules: EnvironmentRules, may_be_old: bool = False) -> Wanted:
    """What a lock for this target has to fit. With `may_be_old` another machine is not asked if it ever was.

    Raises `RefusedError` for a machine on which nothing of conda's runs.
    """
    found = recall_platform(workspace, target.host, may_be_old)
    check_libc(target.name, found)
    virtual = with_overrides(found["virtual"], rules.overrides)
    wanted = Wanted(str(found["platform"]), virtual, rules.overrides, rules.categories)
    if not rules.pypi_names:
        return wanted
    from reprun.env.names import digest_of_names

    return replace(wanted, names=digest_of_names(rules.pypi_names))


def check_libc(where: str, found: Mapping[str, Any]) -> None:
    """Raises `RefusedError` for a Linux with another C library than glibc, as Alpine: a solver would only say what lacks."""
    if str(found["platform"]).startswith("linux-") and "__glibc" not in found["virtual"]:
        raise RefusedError(
            f"{show(where)} has no glibc (is it Alpine?): packages of conda's channels do not run there",
            hint='kind = "system" under [environment] in reprun.toml, or a target with glibc',
        )


def read_files(workspace: Workspace, commit: str, paths: Sequence[str]) -> list[bytes | None]:
    """What is in these files of a snapshot, without a commit of the dev tree; None for one that is not in it."""
    if not commit:
        return [find_bytes(os.path.join(workspace.repository.top, path)) for path in paths]
    plain = [path for path in paths if "\n" not in path]  # git is asked line by line
    found = dict(zip(plain, refs.read_blobs(workspace.repository.git, [f"{commit}:{path}" for path in plain]), strict=False))
    return [found.get(path) for path in paths]


def get_sources(workspace: Workspace, ground: Ground) -> Sources:
    """The sources in the dev tree. Raises `UsageError` when there are none."""
    from reprun.env.sources import read_sources

    if not ground.paths:
        raise UsageError(
            f"there is no {' or '.join(USUAL)} at {show(workspace.repository.top)}",
            hint="[environment] files names other sources; reprun env export -o conda-lock.yml locks the active environment",
        )
    return read_sources(workspace.repository.top, ground.paths)
