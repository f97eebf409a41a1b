"""Which environment a launch would get: what `launch --dry-run` says of it. Solves nothing, makes nothing, asks no other host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reprun.commands.env_memory import has_told, recall_made
from reprun.commands.env_wanted import SYSTEM, find_kind, wants_environment
from reprun.core.frozen import asdict, dataclass
from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.workspace import Workspace

if TYPE_CHECKING:
    from reprun.commands.env_choosing import Ground
    from reprun.env.kept import Locked
    from reprun.targets import Target


@dataclass(frozen=True)
class Foreseen:
    """`state` is "system" (the Python that is there), "there", "to make", "to check" (the lock beside the sources has to be
    compared with them), "to solve", "to read" (files of pip, for the Pythons there), "to export" (what is installed in the active
    environment), or "unknown" (of a host that was never asked). `lock` and `prefix` are empty where they are not known yet."""

    kind: str
    state: str
    lock: str = ""
    prefix: str = ""
    sources: tuple[str, ...] = ()
    packages: int = 0

    @property
    def words(self) -> str:
        """For people."""
        names, what = ", ".join(show(path) for path in self.sources), f"lock {self.lock[:12]}, {self.packages} packages"
        return {
            "system": "the Python that is there, not locked",
            "there": f"{what}, made: {show(self.prefix)}",
            "to make": f"{what}, to be made",
            "to check": f"the lock in the tree, if it still fits {names}; else it is solved",
            "to solve": f"{names}, which has to be solved",
            "to read": f"{names}, which has to be read for the Pythons there",
            "to export": "what is installed in the active environment, to be locked",
            "unknown": "of a host that was not asked yet",
        }[self.state]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "sources": list(self.sources)}


def foresee_environment(workspace: Workspace, spec: RunSpec) -> Foreseen:
    """For a launch of the dev tree as it is. Raises `UsageError` for sources that cannot be read."""
    top, settings = workspace.repository.top, workspace.settings.environment
    kind = find_kind(top, settings)
    if not wants_environment(top, settings, spec.lock):
        return Foreseen(SYSTEM, "system")
    from reprun.commands.env_choosing import find_ground

    ground, target = find_ground(workspace), workspace.target(spec.target)
    if not has_told(workspace, target.host):
        return Foreseen(kind, "unknown", sources=ground.paths)
    paths, known, otherwise = (_conda if kind == "conda" else _pip)(workspace, ground, target, kind)
    if known is None:
        return Foreseen(kind, otherwise, sources=paths)
    digest, host = str(known.plan["digest"]), target.host
    made = host.ask({"op": "env", "digest": digest}).get("record") if host.is_here else recall_made(workspace, host, digest)
    prefix = str((made or {}).get("prefix", ""))
    count = len(known.plan["packages"])
    return Foreseen(kind, "there" if prefix else "to make", known.digest, prefix, paths, count)


def _conda(workspace: Workspace, ground: Ground, target: Target, _: str) -> tuple[tuple[str, ...], Locked | None, str]:
    """The sources, the lock that is known for them, and what has to be done where there is none."""
    from reprun.commands.env_choosing import read_files, wanted_on
    from reprun.env.sources import Sources, key_of

    *files, lock = read_files(workspace, "", [*ground.paths, ground.rules.lock])
    sources = Sources(tuple((path, data) for path, data in zip(ground.paths, files, strict=True) if data is not None))
    wanted = wanted_on(workspace, target, ground.rules, may_be_old=True)
    state = "to check" if lock is not None else "to solve" if sources.files else "to export"
    paths = ground.paths or ((ground.rules.lock,) if lock is not None else ())
    return paths, ground.kept.find(key_of(sources, lock, wanted)), state


def _pip(workspace: Workspace, ground: Ground, target: Target, kind: str) -> tuple[tuple[str, ...], Locked | None, str]:
    from reprun.commands.env_choosing import read_files
    from reprun.commands.env_pip import find_known, read_found

    found = read_found(ground, kind, lambda paths: read_files(workspace, "", paths))
    return found.paths, find_known(workspace, ground, target, found), "to read"
