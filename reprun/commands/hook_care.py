"""`reprun hooks`: what is installed and trusted, and changes of that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from reprun.commands.hook_context import ground_of
from reprun.core.asides import add_aside
from reprun.core.errors import NotFoundError, RefusedError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.hooking import OURS, SHIPPED
from reprun.core.text import show
from reprun.hooks import installing
from reprun.hooks.finding import Ground, Hook, find_hooks
from reprun.hooks.ready import render_hook, shipped_text
from reprun.hooks.running import executable
from reprun.hooks.trust import Trust
from reprun.workspace import Workspace

ALL = tuple(dict.fromkeys((*OURS, *SHIPPED)))


@dataclass(frozen=True)
class Listed:
    """A hook as `reprun hooks ls` shows it. `state`: `none`, `runs`, `not trusted`, `not executable`, `cannot be run`."""

    name: str
    path: str
    state: str
    by: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Changed:
    """What was done about one hook."""

    name: str
    path: str
    done: str


def list_hooks(workspace: Workspace) -> list[Listed]:
    """All hooks that have to do with reprun, and whether they run."""
    ground, trust = ground_of(workspace), Trust(workspace.repository.state_dir)
    listed = []
    for name in ALL:
        hooks = find_hooks(ground, name)
        listed += [_configured(trust, hook) for hook in hooks if hook.key]
        file = next((hook for hook in hooks if not hook.key), None)
        if file is not None or not hooks:
            listed.append(_listed(ground, trust, file, name))
    return listed


def install_hooks(workspace: Workspace, names: Sequence[str]) -> list[Changed]:
    """Installs hooks, each before the one that is there. Raises `RefusedError` where the place is not ours."""
    ground, done = ground_of(workspace), []
    program = executable()
    try:
        with installing.changing(ground, workspace.repository.state_dir):
            for name in names:
                content = render_hook(shipped_text(name), name, program)
                done.append(Changed(name, os.path.join(ground.folder, name), installing.install(ground.folder, name, content)))
    except RefusedError as error:
        error.hint = error.hint or _by_hand(ground.folder, names)
        raise
    if not ground.folder.startswith(ground.common_dir):
        add_aside(f"{show(ground.folder)} serves every repository whose core.hooksPath leads there")
    return done


def uninstall_hooks(workspace: Workspace, names: Sequence[str]) -> list[Changed]:
    """Takes hooks of ours out, and puts back what was there before."""
    ground = ground_of(workspace)
    if not os.path.isdir(ground.folder):
        return [Changed(name, os.path.join(ground.folder, name), "not there") for name in names]
    with installing.changing(ground, workspace.repository.state_dir):
        return [Changed(name, os.path.join(ground.folder, name), installing.uninstall(ground.folder, name)) for name in names]


def check_names(names: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """The names. Raises `UsageError` for one that is none."""
    for name in names:
        if name not in known:
            raise UsageError(f"there is no hook {show(name)!r}", hint=f"known here: {', '.join(known)}")
    return tuple(dict.fromkeys(names))


def get_hooks(workspace: Workspace, name: str) -> list[Hook]:
    """The hooks of that name. Raises `NotFoundError` when there is none."""
    ground = ground_of(workspace)
    hooks = find_hooks(ground, name)
    if not hooks:
        hint = f"reprun hooks install {name}" if name in SHIPPED else "reprun hooks ls"
        raise NotFoundError(f"there is no {name} hook in {show(ground.folder)}", hint=hint)
    return hooks


def untrusted(workspace: Workspace) -> list[Hook]:
    """The hooks of ours that are here and wait to be trusted."""
    trust, ground = Trust(workspace.repository.state_dir), ground_of(workspace)
    hooks = [hook for name in OURS for hook in find_hooks(ground, name)]
    return [hook for hook in hooks if hook.digest and trust.distrust(hook)]


def trust_hook(workspace: Workspace, hook: Hook) -> bool:
    """Trusts a hook as it is now; False when there is nothing to trust. Raises `RefusedError` for one that cannot be run."""
    if not hook.digest:
        why = hook.trouble or "it is not executable (chmod +x)"
        raise RefusedError(f"the {hook.name} hook {hook.shown} cannot be run: {why}", hint="reprun hooks ls")
    return bool(hook.why) and Trust(workspace.repository.state_dir).add(hook.name, hook.digest, hook.path)


def _configured(trust: Trust, hook: Hook) -> Listed:
    """A hook of git's settings. A git before 2.54 knows none, so of what git itself runs it is not said that it runs."""
    by = "the repository" if hook.why else "you"
    if hook.trouble:
        return Listed(hook.name, hook.path, "cannot be run", by, f"{hook.key}: {hook.trouble}")
    if hook.name not in OURS:
        return Listed(hook.name, hook.path, "runs", by, f"{hook.key}, by git since 2.54")
    said = trust.distrust(hook)
    return Listed(
        hook.name, hook.path, "not trusted" if said else "runs", by, f"reprun hooks trust {hook.name}" if said else hook.key
    )


def _listed(ground: Ground, trust: Trust, hook: Hook | None, name: str) -> Listed:
    spot = installing.look(ground.folder, name)
    by = {"none": "", "ours": "reprun", "edited": "reprun, edited since"}.get(spot.kind, "you")
    if spot.through:
        by = "another tool, which calls reprun"
    if hook is None:
        off = f"hook.{name}.enabled is false" if name in ground.settings.off and spot.kind != "none" else ""
        return Listed(name, spot.path, "none", by if spot.kind != "none" else "", off)
    more = f"after {os.path.basename(spot.kept)}" if spot.earlier and spot.kind != "theirs" else ""
    if hook.trouble:
        return Listed(name, hook.path, "cannot be run", by, hook.trouble)
    if not hook.is_executable:
        return Listed(name, hook.path, "not executable", by, "chmod +x")
    said = trust.distrust(hook) if name in OURS else ""
    if hook.why and by == "you":
        by = "the repository" if "part of" in hook.why else "somebody else"
    return Listed(name, hook.path, "not trusted" if said else "runs", by, f"reprun hooks trust {name}" if said else more)


def _by_hand(folder: str, names: Iterable[str]) -> str:
    """What to write into hooks that are the project's own; those that reprun runs may as well be in the user's settings."""
    if os.path.basename(folder) == "_":  # husky's own, which it writes anew; it calls those one floor up
        folder = os.path.dirname(folder)
    lines = []
    for name in names:
        if name in OURS:
            key = f"hook.reprun-{name}"
            lines.append(f"git config {key}.command 'reprun hooks exec {name}' && git config {key}.event {name}")
        else:
            lines.append(f'reprun hooks exec {name} "$@"   # a line for {show(os.path.join(folder, name))}')
    return "\n".join(lines)
