"""From the options of `launch` to a complete spec: what can be wrong is found here, before anything happens."""

from __future__ import annotations

import os

from reprun.core import placeholders, seeds
from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.ids import is_run_id
from reprun.core.manifest import is_inside
from reprun.core.manifest_shape import is_gpu_list
from reprun.core.spec import Carried, ConfigRecord, RunSpec
from reprun.core.text import is_recordable, show
from reprun.preflight.base import LEVELS
from reprun.runner.paths import home
from reprun.runner.variables import is_secret
from reprun.system.clock import draw_seed
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_NAME = 200
_OTHER_HOME = "export REPRUN_HOME=<a folder of yours>"


@dataclass(frozen=True)
class LaunchOptions:
    """What was typed after `reprun launch`."""

    argv: tuple[str, ...]
    name: str = ""
    why: str = ""
    config: str = ""
    sets: tuple[str, ...] = ()
    seed: int | None = None
    target: str = "local"
    gpus: str = ""
    during_operation: bool = False
    preflight: str = ""
    watch_randomness: bool = False
    time: str = ""
    queue: bool = False
    priority: str = ""
    kind: str = ""
    after: tuple[str, ...] = ()
    after_ok: tuple[str, ...] = ()
    condition: str = ""
    not_before: str = ""
    retries: str = ""
    memory: str = ""
    cpus: str = ""


def build_launch(workspace: Workspace, options: LaunchOptions) -> RunSpec:
    """The same for a launch, with what the settings want to be run before it, and its time against that of the target."""
    spec, settings = build_spec(workspace, options), workspace.settings
    if options.sets or options.config:
        from reprun.commands.unread_config import find_unread

        unread = find_unread(spec.argv, os.path.join(workspace.repository.top, spec.cwd))
        if unread:
            given = "--set" if options.sets else "--config"
            workspace.notes.append(f"{given} reaches the job as {{config}} and $REPRUN_CONFIG, and {unread} uses neither")
    wants = "determinism" in settings.preflight or "time_limit" in settings.targets.get(spec.target, {})
    if spec.preflight.get("level") == "off" or not (wants or any("before" in one for one in settings.sanity.values())):
        return spec
    from reprun.commands.rehearsing import plan_rehearsal

    return plan_rehearsal(workspace, spec)


def build_spec(workspace: Workspace, options: LaunchOptions) -> RunSpec:
    """The spec for these options and the project's settings. Raises `UsageError` for whatever cannot work."""
    settings = workspace.settings
    if "," in options.target:
        options = _with_target(workspace, options)
    _check_home(workspace)
    _check_texts(options, workspace.repository.prefix)
    workspace.target(options.target)
    queue = _queue(workspace, options)
    config = _read_config(workspace, options)
    placeholders.check(options.argv, config.values if config else None)
    resolved = seeds.resolve(options.seed, config.values if config else {}, draw_seed())
    return RunSpec(
        argv=options.argv,
        cwd=workspace.repository.prefix,
        seeds=resolved,
        name=options.name,
        why=options.why,
        config=config,
        target=options.target,
        gpus=_checked_gpus(options.gpus) if not queue or options.gpus == "none" else "",  # a slot gives them
        variables={name: value for name, value in settings.env.items() if not is_secret(name)},
        secrets=tuple(sorted(name for name in settings.env if is_secret(name))),
        writable=settings.writable,
        carried=find_carried(workspace),
        data=settings.data,
        hash_limit=settings.hash_limit,
        during_operation=options.during_operation,
        preflight=_preflight(workspace, options.preflight, options.time),
        watch_randomness=options.watch_randomness or settings.watch_randomness,
        queue=queue,
    )


def _with_target(workspace: Workspace, options: LaunchOptions) -> LaunchOptions:
    """With the one of several targets that has the most free slots."""
    from reprun.commands.queue_care import choose_target

    names = list(dict.fromkeys(name.strip() for name in options.target.split(",")))
    targets = {name: workspace.target(name) for name in names}
    if not options.queue:
        raise UsageError(f"--on {show(options.target)} names several targets, and only a queue can choose", hint="add --queue")
    if len(names) == 1:
        return replace(options, target=names[0])
    chosen, troubles = choose_target(targets)
    workspace.notes.extend(f"{trouble.message}; left out" for trouble in troubles)
    workspace.notes.append(f"of {show(', '.join(names))}, {show(chosen)} has the most free slots")
    return replace(options, target=chosen)


def _queue(workspace: Workspace, options: LaunchOptions) -> dict[str, Any]:
    """What is asked of the queue; nothing for a launch that starts at once."""
    if options.queue:
        from reprun.commands.queue_asked import asked_of

        return asked_of(workspace, options)
    given = (options.priority, options.kind, options.after, options.after_ok, options.condition, options.not_before)
    if any(given) or options.retries or options.memory or options.cpus:
        from reprun.commands.queue_asked import refuse_without_queue

        refuse_without_queue(options)
    return {}


def _check_home(workspace: Workspace) -> None:
    if not is_recordable(home()):
        raise UsageError(
            f"REPRUN_HOME has a name that is not in UTF-8, so runs in it cannot be recorded: {show(home())}", hint=_OTHER_HOME
        )
    top, place = os.path.join(workspace.repository.top, ""), os.path.join(home(), "")
    if place.startswith(top) and not place.startswith(os.path.join(workspace.repository.common_dir, "")):
        raise RefusedError(
            f"REPRUN_HOME lies inside the dev tree: the next snapshot would commit {show(home())}",
            hint="export REPRUN_HOME=~/.local/share/reprun",
        )


def _check_texts(options: LaunchOptions, prefix: str) -> None:
    if not options.argv or not options.argv[0]:
        raise UsageError("there is no command to run", hint="reprun launch -- python train.py")
    for what, text in [("the command", word) for word in options.argv] + [("--name", options.name), ("-m", options.why)]:
        if not is_recordable(text):
            raise UsageError(f"{what} holds bytes that are not text, so it cannot be recorded: {show(text)}")
    if not is_recordable(prefix):
        raise UsageError(
            f"the folder {show(prefix)} has a name that is not text, so it cannot be recorded", hint="launch from the top"
        )
    if options.name and _is_ambiguous(options.name):
        raise UsageError(
            f"the name {show(options.name)!r} could be taken for a run id or a selector", hint="begin it with a letter"
        )
    if len(options.name) > MAX_NAME:
        raise UsageError(f"the name is longer than {MAX_NAME} characters", hint="put the story into -m")


def _preflight(workspace: Workspace, level: str, time: str) -> dict[str, Any]:
    """What the settings want to be looked at, at the level that was asked for."""
    settings = workspace.settings
    if level not in ("", *LEVELS):
        raise UsageError(f"there is no level {show(level)!r} of preflight", hint=f"one of {', '.join(LEVELS)}: --preflight full")
    rules = dict(settings.preflight)
    if settings.expected:
        rules["data"] = settings.expected
    if level:
        rules["level"] = level
    if time:
        from reprun.core.duration import parse_duration

        rules["duration"] = parse_duration(time, "--time")
    return rules


def find_carried(workspace: Workspace) -> tuple[Carried, ...]:
    """The ignored files that the settings tell runs to carry, as they are now."""
    if not workspace.settings.carry:
        return ()
    from reprun.repo.carried import declared_carried

    return declared_carried(workspace.repository, workspace.settings.carry)


def _is_ambiguous(name: str) -> bool:
    from reprun.core.select import is_reserved_name

    return is_reserved_name(name) or is_run_id(name)


def _read_config(workspace: Workspace, options: LaunchOptions) -> ConfigRecord | None:
    top, given = workspace.repository.top, options.config
    if not given and not options.sets and not workspace.settings.config:
        return None
    from reprun.config.run_config import read_run_config

    path = os.path.join(workspace.cwd, given) if given else ""
    if not given and workspace.settings.config:
        path = os.path.join(top, workspace.settings.config)
    if not path:
        return read_run_config(None, options.sets, options.seed, options.argv)
    relative = os.path.relpath(path, top)
    source = relative if is_inside(relative) else path
    return _named(read_run_config(path, options.sets, options.seed, options.argv, given or source), source)


def _named(config: ConfigRecord | None, source: str) -> ConfigRecord | None:
    """The config under the name that holds from the top of the repository, not from the folder of the launch."""
    return replace(config, source=source) if config else None


def _checked_gpus(text: str) -> str:
    if text in ("", "none"):
        return text
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or not is_gpu_list(",".join(parts)):
        raise UsageError(
            f"--gpus {show(text)} is not a list of GPUs", hint="for example --gpus 0,1, --gpus GPU-8f2c…, or --gpus none"
        )
    if len(set(parts)) != len(parts):
        raise UsageError(f"--gpus {show(text)} names a GPU twice")
    return ",".join(parts)
