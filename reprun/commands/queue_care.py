"""Looking at the queues of hosts and changing them. A queue belongs to a user on a host: any project, or none, may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from reprun.commands.keeping import put_away_all
from reprun.commands.states import look
from reprun.core.errors import NotFoundError, ReprunError, ToolError, UnreachableError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.measured import items, mapping
from reprun.core.queue_plan import free_slots, on_our_clock, starts_of
from reprun.core.select import parse_selector
from reprun.core.text import show
from reprun.system.clock import now_seconds
from reprun.system.together import Together, Work
from reprun.targets import Target, get_target
from reprun.workspace import Workspace, open_anywhere

if TYPE_CHECKING:
    from reprun.config.project import Settings
    from reprun.store.index import Index
    from reprun.store.rows import Row


@dataclass(frozen=True)
class Queued:
    """What a target says of its queue, or why it says nothing. `starts`: when its runs will start, where that can be told."""

    target: str
    answer: dict[str, Any]
    starts: dict[str, float]
    trouble: ReprunError | None = None

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The runs in it, in their order."""
        return [dict(mapping(entry)) for entry in items(self.answer.get("entries"))]

    @property
    def slots(self) -> list[dict[str, Any]]:
        """What it has to give."""
        return [dict(mapping(slot)) for slot in items(self.answer.get("slots"))]


class Queues:
    """The queues that can be asked from the current folder."""

    def __init__(self) -> None:
        workspace, settings = open_anywhere()
        self.workspace: Workspace | None = workspace
        self.settings: Settings = settings
        self._targets: dict[str, Target] = {}

    def names(self, on: str) -> list[str]:
        """The targets of `--on`: one, several with commas, or all. Raises `UsageError` for one that nobody described."""
        if on == "all":
            return ["local", *(name for name in self.settings.targets if not self.target(name).host.is_here)]
        names = [name.strip() for name in on.split(",")] if on else ["local"]
        for name in names:
            self.target(name)
        return list(dict.fromkeys(names))

    def target(self, name: str) -> Target:
        """The target of that name; the same one each time."""
        if self.workspace is not None:
            return self.workspace.target(name)
        if name not in self._targets:
            self._targets[name] = get_target(name, self.settings.targets)
        return self._targets[name]

    def ask(self, name: str, do: str, **more: Any) -> dict[str, Any]:
        """One question to the queue of one target."""
        return self.target(name).host.ask({"op": "queue", "do": do, **more})

    def look(self, names: Sequence[str], do: str = "ls", **more: Any) -> list[Queued]:
        """All of them at once. One that cannot be reached says so and holds up nobody."""
        return look_at({name: self.target(name) for name in names}, do, **more)

    def find(self, texts: Iterable[str], on: str) -> dict[str, list[str]]:
        """The ids of the runs that are meant, by target. Raises `NotFoundError` for one that is in no queue."""
        found: dict[str, list[str]] = {}
        known: dict[str, dict[str, dict[str, Any]]] = {}
        for text in texts:
            name = on or self._place_of(text)
            if name not in known:
                looked = self.look([name])[0]
                if looked.trouble is not None:
                    raise looked.trouble
                known[name] = {str(entry.get("run_id")): entry for entry in looked.entries}
            found.setdefault(name, []).append(self._run_of(text, name, known[name]))
        return {name: list(dict.fromkeys(run_ids)) for name, run_ids in found.items()}

    @cached_property
    def _history(self) -> Index | None:
        return None if self.workspace is None else self.workspace.history()  # once, however many runs are named

    def _row_of(self, text: str) -> Row | None:
        from reprun.store.find import get_run

        return None if self._history is None else get_run(self._history, text)

    def _place_of(self, text: str) -> str:
        try:
            row = self._row_of(text)
        except (NotFoundError, UsageError):
            row = None
        return "local" if row is None or self.workspace is None else self.workspace.place_of(row)[0]

    def _run_of(self, text: str, target: str, entries: dict[str, dict[str, Any]]) -> str:
        run_id = text if text in entries else pick(list(entries.values()), text)
        row = self._row_of(text) if not run_id else None
        if row is not None and row.run_id in entries:
            return row.run_id
        if run_id:
            return run_id
        on = "" if target == "local" else f" --on {show(target)}"
        where = f"the queue of {'this machine' if target == 'local' else show(target)}"
        raise NotFoundError(
            f"{row.run_id} is not in {where}" if row else f"no run {show(text)} is in {where}", hint=f"reprun queue{on}"
        )


def keep_canceled(workspace: Workspace, run_ids: Sequence[str]) -> None:
    """Puts the ends of runs that were taken out of a queue into this repository, where they were launched from it."""
    own = {run_id for run_id in run_ids if workspace.journal(run_id).exists()}
    if not own:
        return
    history = workspace.history()
    rows = [row for row in (history.find(run_id) for run_id in own) if row is not None]
    put_away_all(workspace, rows, look(workspace, rows))
    workspace.record()


def pick(entries: Sequence[dict[str, Any]], text: str) -> str:
    """The id of the entry that `text` names: an id, the beginning of one, a name (the newest); empty when none is meant.

    Raises `UsageError` when the beginning of an id fits several.
    """
    selector = parse_selector(text)
    ids = sorted((str(entry.get("run_id")) for entry in entries if str(entry.get("run_id")).startswith(text)), reverse=True)
    if selector.kind in ("id", "prefix") and ids:
        if len(ids) > 1:
            raise UsageError(f"several queued runs begin with {show(text)}: {', '.join(ids[:5])}", hint="type more of the id")
        return ids[0]
    return max((str(entry.get("run_id")) for entry in entries if entry.get("name") == text), default="")


def look_at(targets: dict[str, Target], do: str = "ls", **more: Any) -> list[Queued]:
    """What the queues of the targets say, asked at once."""
    works = {
        name: Work(partial(_ask, target, {"op": "queue", "do": do, **more}), target.patience) for name, target in targets.items()
    }
    if len(works) == 1:
        name, work = next(iter(works.items()))
        return [_queued(name, work.do)]
    done = Together().do(works)
    late = {name: UnreachableError(f"{show(name)} did not answer within {work.seconds:g} s") for name, work in works.items()}
    return [_queued(name, done[name].get if name in done else partial(_raise, late[name])) for name in targets]


def choose_target(targets: dict[str, Target]) -> tuple[str, list[ReprunError]]:
    """The target with the most free slots, and why others were left out. Raises `UnreachableError` when none can be asked."""
    looked = look_at(targets)
    troubles = [one.trouble for one in looked if one.trouble is not None]
    open_ones = [one for one in looked if one.trouble is None]
    if not open_ones:
        reasons = "; ".join(trouble.message for trouble in troubles)
        raise UnreachableError(f"none of the targets can be asked: {reasons}", hint="reprun doctor --on TARGET")
    takes = [one for one in open_ones if not one.answer.get("draining") and not one.answer.get("paused")] or open_ones
    return max(takes, key=lambda one: free_slots(one.answer)).target, troubles


def _ask(target: Target, request: dict[str, Any]) -> dict[str, Any]:
    return target.host.ask(request)


def _raise(error: ReprunError) -> dict[str, Any]:
    raise error


def _queued(name: str, get: Callable[[], dict[str, Any]]) -> Queued:
    try:
        answer = get()
    except (UnreachableError, ToolError) as error:
        return Queued(name, {}, {}, error)
    if "entries" in answer:
        answer = on_our_clock(answer, now_seconds())
    return Queued(name, answer, starts_of(answer))
