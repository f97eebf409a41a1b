"""Which environment a launch would get: what `launch --dry-run` says of it. Solves nothing, makes nothing, asks no other host."""

from __future__ import annotations

from typing import Any

from reprun.commands.env_memory import has_told, recall_made
from reprun.commands.env_wanted import wants_environment
from reprun.core.frozen import asdict, dataclass
from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Foreseen:
    """`state` is "system" (the Python that is there), "there", "to make", "to check" (the lock beside the sources has to be
    compared with them), "to solve", "to export" (what is installed in the active environment), or "unknown" (of a host that was
    never asked). `lock` and `prefix` are empty where they are not known yet."""

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
            "to export": "what is installed in the active environment, to be locked",
            "unknown": "of a host that was not asked yet",
        }[self.state]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "sources": list(self.sources)}


def foresee_environment(workspace: Workspace, spec: RunSpec) -> Foreseen:
    """For a launch of the dev tree as it is. Raises `UsageError` for sources that cannot be read."""
    if not wants_environment(workspace.repository.top, workspace.settings.environment, spec.lock):
        return Foreseen("system", "system")
    from reprun.commands.env_choosing import find_ground, read_files, wanted_on
    from reprun.env.sources import Sources, key_of

    ground, host = find_ground(workspace), workspace.target(spec.target).host
    *files, lock = read_files(workspace, "", [*ground.paths, ground.rules.lock])
    sources = Sources(tuple((path, data) for path, data in zip(ground.paths, files, strict=True) if data is not None))
    if not has_told(workspace, host):
        return Foreseen("conda", "unknown", sources=ground.paths)
    wanted = wanted_on(workspace, workspace.target(spec.target), ground.rules, may_be_old=True)
    known = ground.kept.find(key_of(sources, lock, wanted))
    if known is None:
        state = "to check" if lock is not None else "to solve" if sources.files else "to export"
        return Foreseen("conda", state, sources=ground.paths or ((ground.rules.lock,) if lock is not None else ()))
    digest = str(known.plan["digest"])
    made = host.ask({"op": "env", "digest": digest}).get("record") if host.is_here else recall_made(workspace, host, digest)
    prefix = str((made or {}).get("prefix", ""))
    count = len(known.plan["packages"])
    return Foreseen("conda", "there" if prefix else "to make", known.digest, prefix, ground.paths, count)
