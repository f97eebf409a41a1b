"""Opening a sweep file: its tasks, and each stage of them as a complete spec."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from reprun.commands.build_spec import MAX_NAME, LaunchOptions, build_spec
from reprun.config.documents import parse_documents
from reprun.config.reading import read_text
from reprun.core import placeholders, seeds
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.manifest import is_inside
from reprun.core.spec import ConfigRecord, RunSpec
from reprun.core.text import show
from reprun.sweeps.expansion import Task, Wish, expand
from reprun.sweeps.filling import Command, Filler
from reprun.sweeps.identity import loose_of
from reprun.sweeps.reading import read_sweep
from reprun.sweeps.shape import SweepFile
from reprun.sweeps.template import one_line
from reprun.system.clock import draw_seed, local_now
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class SweepOptions:
    """What was typed after `reprun sweep`."""

    file: str
    title: str = ""
    stages: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    sample: int | None = None
    target: str = "local"
    kind: str = ""
    preflight: str = ""
    force: bool = False
    policy: str = "same code"
    stop_after: int | None = None
    retries: int | None = None

    def words(self) -> list[str]:
        """What has to be typed for the same tasks in the same place again."""
        named = {"--title": self.title, "--on": "" if self.target == "local" else self.target, "--kind": self.kind}
        named |= {"--preflight": self.preflight, "--since-commit": "" if self.policy == "same code" else self.policy}
        numbers = {"--sample": self.sample, "--stop-after": self.stop_after, "--retries": self.retries}
        found = [self.file, *(word for option, value in named.items() if value for word in (option, value))]
        found += [word for option, number in numbers.items() if number is not None for word in (option, str(number))]
        many = (("-c", self.stages), ("-r", self.resources))
        return [*found, *(word for option, values in many if values for word in (option, *values))]


@dataclass(frozen=True)
class Opened:
    """A sweep file with what is wanted of it. `file` is its path from the top of the repository, or an absolute one."""

    workspace: Workspace = field(repr=False)
    options: SweepOptions
    file: str
    sweep: SweepFile
    tasks: tuple[Task, ...]
    fillers: dict[str, Filler] = field(repr=False)
    time: str

    @property
    def stem(self) -> str:
        """The file without its ending: a name for the sweep."""
        return os.path.splitext(os.path.basename(self.file))[0]

    @property
    def stop_after(self) -> int:
        """After so many failures that look alike the rest is held; 0: after none."""
        return self.sweep.stop_after if self.options.stop_after is None else self.options.stop_after

    @property
    def retries(self) -> int:
        """How often each run is tried again when it fails."""
        return self.sweep.retries if self.options.retries is None else self.options.retries

    def command(self, task: Task, stage: str) -> Command:
        """The command of a stage. Raises `UsageError` for a parameter that nothing fills."""
        own = {"_name": task.name, "_time": self.time, "_output": os.path.join("output", task.name)}
        return self.fillers[stage].fill(task.params, own, set(task.optional))

    def loose(self, task: Task, stage: str) -> str:
        """The identity of a stage but for the code, the data and the packages."""
        return loose_of(task.key, stage, one_line(self.sweep.stages[stage]), self.workspace.repository.prefix)

    def unused(self) -> list[str]:
        """Parameters that no command takes, and no config."""
        used = {name for filler in self.fillers.values() for name in filler.names} | {"seed", *self._config_keys()}
        return sorted({name for task in self.tasks for name in task.params} - used)

    def _config_keys(self) -> set[str]:
        if not self.sweep.config:
            return set()
        from reprun.core.dotted import flatten

        record = _config(self.workspace, self.sweep.config, (), None, ("{config}",))
        return set(flatten(record.values)) if record else set()


def open_sweep(workspace: Workspace, options: SweepOptions) -> Opened:
    """Reads the file and expands it. Raises `UsageError` for whatever in it cannot work."""
    if not options.file:
        raise UsageError("an empty FILE names no file", hint="reprun sweep params.yaml --dry-run")
    path = os.path.join(workspace.cwd, options.file)
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(workspace.repository.top))
    file = relative if is_inside(relative) else os.path.realpath(path)
    sweep = read_sweep(parse_documents(read_text(path, options.file), show(options.file)), options.file)
    wish = Wish(options.title, options.stages, options.sample, lambda text: _exists(workspace.cwd, text))
    tasks = tuple(expand(sweep, wish))
    fillers = {name: Filler(text, sweep.places[name]) for name, text in sweep.stages.items()}
    opened = Opened(workspace, options, file, sweep, tasks, fillers, local_now().strftime("%Y%m%d.%H%M%S"))
    for task in tasks:
        for stage in task.stages:
            opened.command(task, stage)
    return opened


def _exists(cwd: str, text: str) -> bool:
    try:
        return bool(text) and os.path.exists(os.path.join(cwd, text))
    except ValueError:
        return False


class Specs:
    """The specs of the tasks: what is the same for all of them is looked at once."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        options, first = opened.options, opened.tasks[0]
        argv = opened.command(first, first.stages[0]).argv
        # What a config has is checked below, for each task.
        plain = tuple(word for word in argv if "{config}" not in word)
        typed = LaunchOptions(plain, target=options.target, preflight=options.preflight, queue=True, kind=options.kind)
        self.base = build_spec(opened.workspace, typed)
        self._drawn: dict[str, int] = {}
        self._keys = opened._config_keys()

    def spec(self, task: Task, stage: str) -> RunSpec:
        """The spec of a stage of a task, without its place in the queue."""
        argv, config = self.opened.command(task, stage).argv, None
        chosen = task.params.get("seed")
        seed = chosen if isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < seeds.LIMIT else None
        if self.opened.sweep.config:
            sets = [f"{name}={value}" for name, value in task.params.items() if name in self._keys and name != "seed"]
            config = _config(self.opened.workspace, self.opened.sweep.config, sets, seed, argv)
        if config is None and "config" in placeholders.names_in(argv):
            where = self.opened.sweep.places[stage]
            raise UsageError(f"{where}: there is no config for {{config}}", hint="config: conf/base.yaml, in the first document")
        placeholders.check(argv, config.values if config else None)
        drawn = self._drawn.setdefault(task.key, draw_seed())
        return replace(
            self.base,
            argv=argv,
            name=self._name(task, stage),
            seeds=seeds.resolve(seed, config.values if config else {}, drawn),
            config=config,
            sweep=self.table(task, stage),
        )

    def _name(self, task: Task, stage: str) -> str:
        name = show(task.name or self.opened.stem)
        name = f"{name}/{stage}" if len(self.opened.sweep.stages) > 1 else name
        return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 9]}~{task.key[:8]}"

    def table(self, task: Task, stage: str) -> dict[str, Any]:
        """What the manifest says of the sweep; its identity is known only with the snapshot."""
        return {
            "file": self.opened.file,
            "title": self.opened.options.title,
            "task": task.key,
            "name": task.name,
            "stage": stage,
            "identity": "",
            "loose": self.opened.loose(task, stage),
            "code": "",
            "params": dict(task.params),
        }


def _config(workspace: Workspace, name: str, sets: Sequence[str], seed: int | None, argv: Sequence[str]) -> ConfigRecord | None:
    from reprun.config.run_config import read_run_config

    path = os.path.join(workspace.repository.top, name)
    if not is_inside(name):
        raise UsageError(f"config: {show(name)} is not a path from the top of the repository", hint="config: conf/base.yaml")
    return read_run_config(path, sets, seed, argv, name)


def shown_params(params: Mapping[str, Any]) -> str:
    """The parameters in one line."""
    return " ".join(f"{show(str(name))}={show(str(value))}" for name, value in params.items())
