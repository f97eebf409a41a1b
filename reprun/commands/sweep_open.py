"""Opening a sweep file: its tasks, and each stage of them as a complete spec."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence

from reprun.commands.build_spec import MAX_NAME, LaunchOptions, build_spec
from reprun.commands.sweep_pin import Pin, live_pin
from reprun.commands.sweep_pin import SweepOptions as SweepOptions
from reprun.commands.sweep_trials import with_trials
from reprun.config.documents import parse_documents
from reprun.config.reading import read_text
from reprun.core import placeholders, seeds
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.manifest import is_inside
from reprun.core.spec import ConfigRecord, RunSpec
from reprun.core.text import show
from reprun.sweeps.expansion import Task, Wish, expand, why_none
from reprun.sweeps.filling import Command, Filler
from reprun.sweeps.identity import code_of, loose_of
from reprun.sweeps.outcomes import Told, data_of
from reprun.sweeps.reading import read_sweep
from reprun.sweeps.shape import SweepFile
from reprun.sweeps.sharing import ALL
from reprun.sweeps.values import number_of
from reprun.system.clock import draw_seed, local_now
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NO_TASK = "widen the choices, or loosen when and constraints"


@dataclass(frozen=True)
class Opened:
    """A sweep file with what is wanted of it. `file` is its path from the top of the repository, or an absolute one; `text` and
    `config` what it and its config say, `exists` what was looked up to read it. Of a search `told` is what there is to tell of
    its trials, and `remarks` why no more of them are asked for."""

    workspace: Workspace = field(repr=False)
    options: SweepOptions
    file: str
    sweep: SweepFile
    tasks: tuple[Task, ...]
    fillers: dict[str, Filler] = field(repr=False)
    time: str
    text: str = field(default="", repr=False)
    config: str | None = field(default=None, repr=False)
    exists: dict[str, bool] = field(default_factory=dict, repr=False)
    wish: Wish = field(default_factory=Wish, repr=False)
    told: tuple[Told, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """Where it may run."""
        return tuple(name.strip() for name in self.options.target.split(","))

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

    def nothing(self) -> UsageError:
        """What to raise where there is no task."""
        return UsageError(f"{why_none(self.sweep, self.options.title)}, so there is no task", hint=_NO_TASK)

    def command(self, task: Task, stage: str) -> Command:
        """The command of a stage. Raises `UsageError` for a parameter that nothing fills."""
        own = {"_name": task.name, "_time": self.time, "_output": os.path.join("output", task.name)}
        return self.fillers[stage].fill(task.params, own, set(task.optional))

    def loose(self, task: Task, stage: str) -> str:
        """The identity of a stage but for the code, the data and the packages."""
        return loose_of(task.key, stage, self.sweep.made_by(stage), self.workspace.repository.prefix)

    def code(self, entries: Iterable[bytes]) -> str:
        """The digest of the code, from the entries of its tree: what runs carry, which git ignores, is code too."""
        from reprun.commands.build_spec import find_carried

        carried = [f"carried {one.sha256}\t{one.path}".encode("utf-8", "surrogateescape") for one in find_carried(self.workspace)]
        return code_of([*entries, *carried], (self.file, *self.sweep.ignore), self.config)

    def is_of(self, table: Mapping[str, Any]) -> bool:
        """Whether a run counts as one of this file: with its commands as they are now, wherever it was typed, and no trial."""
        stage, folder = str(table["stage"]), os.path.dirname(self.file)
        if stage not in self.sweep.stages or not table["identity"]:
            return False
        folders = {self.workspace.repository.prefix, "", folder}
        commands = self.sweep.made_by(stage)
        return any(loose_of(str(table["task"]), stage, commands, one) == table["loose"] for one in folders)

    def unused(self) -> list[str]:
        """Parameters that no command takes, and no config."""
        used = {name for filler in self.fillers.values() for name in filler.names} | {"seed", *self._config_keys()}
        return sorted({name for task in self.tasks for name in task.params} - used)

    def _config_keys(self) -> set[str]:
        if not self.sweep.config:
            return set()
        from reprun.core.dotted import flatten

        record = _config(self, (), None, ("{config}",))
        return set(flatten(record.values)) if record else set()


def open_sweep(workspace: Workspace, options: SweepOptions, pin: Pin | None = None) -> Opened:
    """Reads the file and expands it; with a `pin` as it was then. Where no target is named it is the one of before, as long as
    that sweep is not over. Raises `UsageError` for whatever in it cannot work."""
    if not options.file:
        raise UsageError("an empty FILE names no file", hint="reprun sweep params.yaml --dry-run")
    file = pin.file if pin else file_of(workspace, options.file)
    if not options.target:
        live = live_pin(workspace.repository, file)
        before = live.what() if live else SweepOptions(file)
        ahead = before.ahead if options.ahead is None else options.ahead
        options = replace(options, target=before.target or "local", ahead=ahead)
    text = pin.text if pin else read_text(os.path.join(workspace.cwd, options.file), options.file)
    sweep = read_sweep(parse_documents(text, show(options.file)), options.file)
    looked: dict[str, bool] = dict(pin.exists) if pin else {}

    def exists(text: str) -> bool:
        return looked.setdefault(text, pin is None and _exists(workspace.cwd, text))

    wish = Wish(options.title, options.stages, options.sample, exists)
    tasks = tuple(expand(sweep, with_trials(wish, workspace, sweep, file)))
    fillers = {name: Filler(text, sweep.places[name]) for name, text in sweep.stages.items()}
    time = pin.time if pin else local_now().strftime("%Y%m%d.%H%M%S")
    config = pin.config if pin else _config_text(workspace, sweep.config)
    opened = Opened(workspace, options, file, sweep, tasks, fillers, time, text, config, looked, wish)
    check_targets(workspace, opened)
    for task in tasks:
        for stage in task.stages:
            opened.command(task, stage)
    return opened


def file_of(workspace: Workspace, text: str) -> str:
    """A sweep file as it is known: by its path from the top of the repository, or by an absolute one."""
    path = os.path.realpath(os.path.join(workspace.cwd, text))
    relative = os.path.relpath(path, os.path.realpath(workspace.repository.top))
    return relative if is_inside(relative) else path


def parse_ahead(text: str) -> int | None:
    """How many tasks wait on a host for each slot; None where it is not said. Raises `UsageError`."""
    if text in ("", "all"):
        return ALL if text else None
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise UsageError(f"--ahead {show(text)} is neither a number nor all", hint="--ahead 2, or --ahead all")
    return int(text)


def check_targets(workspace: Workspace, opened: Opened) -> None:
    """Raises `UsageError` for `--on` that names nothing, something twice, or a target that there is not."""
    names, given = opened.targets, show(opened.options.target)
    if not all(names):
        raise UsageError(f"--on {given} names no target between its commas", hint="--on gpu1,gpu2")
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise UsageError(f"--on {given} names {show(twice)} twice", hint=f"--on {show(','.join(dict.fromkeys(names)))}")
    found = [workspace.target(name) for name in names] if len(names) > 1 else []
    for at, target in enumerate(found):
        if target.scheduler.name != "tmux":
            raise UsageError(
                f"{show(target.name)} is a {target.scheduler.name} target, and a sweep cannot be shared with one yet",
                hint=f"reprun sweep {show(opened.options.file)} --on {show(target.name)}",
            )
        same = next((one for one in found[:at] if one.host.place == target.host.place), None)
        if same is not None:
            raise UsageError(f"{show(same.name)} and {show(target.name)} are the same host", hint=f"--on {show(same.name)}")


def _config_text(workspace: Workspace, name: str) -> str | None:
    if not name:
        return None
    if not is_inside(name):
        raise UsageError(f"config: {show(name)} is not a path from the top of the repository", hint="config: conf/base.yaml")
    from reprun.config.formats import format_of

    format_of(name)
    return read_text(os.path.join(workspace.repository.top, name), name)


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
        typed = LaunchOptions(plain, target=opened.targets[0], preflight=options.preflight, queue=True, kind=options.kind)
        self.base = build_spec(opened.workspace, typed)
        self._drawn: dict[str, int] = {}
        self._keys = opened._config_keys()

    def spec(self, task: Task, stage: str) -> RunSpec:
        """The spec of a stage of a task, without its place in the queue."""
        argv, config = self.opened.command(task, stage).argv, None
        chosen = task.params.get("seed")
        seed = chosen if isinstance(chosen, int) and not isinstance(chosen, bool) and 0 <= chosen < seeds.LIMIT else None
        if self.opened.sweep.config:
            sets = [set_of(name, value) for name, value in task.params.items() if name in self._keys and name != "seed"]
            config = _config(self.opened, sets, seed, argv)
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
        search = self.opened.sweep.search
        trial = {"search": data_of(task.trial, search.sampler)} if task.trial and search else {}
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
            **trial,
        }


def set_of(name: str, value: Any) -> str:
    """A parameter as it is typed for `--set`. A text stays one, `"no"` and `"null"` too; but `1e-3` is a number in a config."""
    from reprun.config.formats import parse_value

    try:
        is_plain = not isinstance(value, str) or number_of(value) is not None or parse_value(value) == value
    except UsageError:
        is_plain = False
    return f"{name}={value if is_plain else json.dumps(value, ensure_ascii=False)}"


def _config(opened: Opened, sets: Sequence[str], seed: int | None, argv: Sequence[str]) -> ConfigRecord | None:
    from reprun.config.run_config import resolve

    return resolve(opened.sweep.config, opened.config, sets, seed, argv)


def shown_params(params: Mapping[str, Any]) -> str:
    """The parameters in one line."""
    return " ".join(f"{show(str(name))}={show(str(value))}" for name, value in params.items())
