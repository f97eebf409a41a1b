"""A pass over a sweep that is shared by hosts, or whose tasks become known bit by bit: what is missing is queued where there is
room for it. Passes are made again and again by the keeper (sweep_keep.py); each finds out anew what there is, so any of them may
be killed, and the next one carries on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from reprun.commands.launch import Tell, ignore
from reprun.commands.launch_many import Ground, Planned, grounded, queue_on
from reprun.commands.sweep import WAITING, Ran, keep_record, lock_of
from reprun.commands.sweep_giving import given, without_starts
from reprun.commands.sweep_open import Opened
from reprun.commands.sweep_pin import Pin, end_pin, find_pin, folder_of, keep_pin
from reprun.commands.sweep_places import ask_queues, check_machines, look_at_places
from reprun.commands.sweep_planning import Planning, basis_of
from reprun.commands.sweep_runs import rows_of, sweep_tables
from reprun.commands.sweep_tending import settle
from reprun.commands.sweep_tries import blocked, give_up
from reprun.core.errors import RefusedError, ReprunError, UnreachableError, UsageError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.text import show
from reprun.sweeps.identity import Basis
from reprun.sweeps.plan import Known, Step
from reprun.sweeps.sharing import Place
from reprun.system.clock import iso_now, new_run_id
from reprun.system.files import locked
from reprun.system.together import FOREVER, Work


@dataclass(frozen=True)
class Passed:
    """What a pass came to: the wish as it is pinned now, the steps, the hosts as they were; `left_out` says of those that got
    nothing why. Runs that are `held`, for too many failed alike, hold the rest."""

    pin: Pin
    ran: Ran
    places: tuple[Place, ...]
    known: tuple[Known, ...] = ()
    left_out: dict[str, ReprunError] = field(default_factory=dict)
    held: tuple[Known, ...] = ()

    @property
    def is_over(self) -> bool:
        """Nothing is under way, and nothing waits."""
        return not any(step.action in ("start", "keep", "later") for step in self.ran.steps)


def needs_keeper(opened: Opened) -> bool:
    """Whether one pass is not enough: several hosts share it, or what is wanted depends on what comes out."""
    search = opened.sweep.search
    return len(opened.targets) > 1 or (search is not None and search.is_adaptive)


def first_pass(opened: Opened, tell: Tell = ignore) -> Passed:
    """Prepares all hosts from one snapshot of now, gives them what they can begin soon, and pins what was asked for. Raises the
    errors of a launch where no host can take anything."""
    if not opened.tasks:
        raise opened.nothing()
    tell(WAITING)
    with locked(lock_of(opened.workspace), exclusive=True):
        before = find_pin(folder_of(opened.workspace.repository, opened.file))
        gone = _still_gone(opened, before.gone) if before else {}
        passed = _Pass(opened, pin_of(opened, gone), {}, tell).make()
        keep_pin(opened.workspace.repository, passed.pin)
        if passed.is_over:
            end_pin(opened.workspace.repository, passed.pin, "done")
        return passed


def next_pass(opened: Opened, pin: Pin, avoid: Mapping[str, str], tell: Tell = ignore) -> Passed:
    """The same from what was pinned. Hosts to `avoid` are not asked, and the reason is that. Who calls it holds the lock."""
    return _Pass(opened, pin, avoid, tell).make()


def _still_gone(opened: Opened, gone: Mapping[str, str]) -> dict[str, str]:
    """The hosts of which somebody has said that they are gone, but for those that answer: what is believed of their runs is asked
    again."""
    names = [name for name in gone if name in opened.targets]
    back = {name for name, said in ask_queues(opened.workspace, names, {}).items() if not isinstance(said, ReprunError)}
    tables = sweep_tables(opened.workspace)
    rows = rows_of(opened.workspace, [run_id for run_id, table in tables.items() if table["file"] == opened.file])
    opened.workspace.sightings.add({}, [row.run_id for row in rows if row.target in back])
    return {name: when for name, when in gone.items() if name not in back}


def pin_of(opened: Opened, gone: Mapping[str, str]) -> Pin:
    """What is asked for now."""
    options = vars(opened.options)
    return Pin(
        opened.file,
        {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()},
        opened.workspace.repository.prefix,
        opened.text,
        opened.time,
        since=new_run_id()[:-4],
        at=iso_now(),
        config=opened.config,
        exists=opened.exists,
        gone=dict(gone),
    )


class _Pass:
    def __init__(self, opened: Opened, pin: Pin, avoid: Mapping[str, str], tell: Tell) -> None:
        self.opened, self.workspace, self.pin, self.tell = opened, opened.workspace, pin, tell
        self.avoid = {**avoid, **{name: f"{show(name)} is gone" for name in pin.gone}}
        self.planning = Planning(opened)
        self.grounds: dict[str, Ground] = {}
        self.left_out: dict[str, ReprunError] = {}

    def make(self) -> Passed:
        """See above."""
        was_new = not self.pin.basis
        with ExitStack() as stack:
            if was_new:
                self._begin_after(max(self.planning.tables, default=""))
                self._prepare_all(stack)
            self._check_carried()
            basis = self.pin.ground()
            self.planning.look(self.avoid, self.pin.gone)
            if was_new:
                self.planning.try_again()
            places = self._places()
            wanted = self.planning.plan(basis, self.planning.rules(self.pin.since, self.pin.gone))
            held = blocked(self.planning.known, {(step.wanted.task, step.wanted.stage) for step in wanted})
            ahead = self.opened.options.ahead
            steps = given(without_starts(wanted, held[0]) if held else wanted, places, self.planning.known, ahead)
            planned: list[Planned] = []
            done = list(steps)
            for name in self.opened.targets:
                some = [step for step in steps if step.action == "start" and step.target == name]
                if some:
                    planned += self._queue(stack, name, some, basis, done)
        if was_new and not self.grounds.keys() - self.left_out.keys():
            raise self._refusal()
        with suppress(UnreachableError):  # it answered a moment ago; the next sweep finds them again
            give_up(self.workspace, self.planning.given_up)
        keep_record(self.opened, done, planned)
        why = {place.name: place.trouble for place in places if place.trouble}
        why |= {name: error.message for name, error in self.left_out.items()}
        ran = Ran(self.planning.opened, tuple(done), tuple(self.planning.removed()), why)
        return Passed(self.pin, ran, tuple(places), tuple(self.planning.known), self.left_out, tuple(held))

    def _begin_after(self, newest: str) -> None:
        """What has failed before is not of this wish, also where the clock of this machine was set back since."""
        if newest >= self.pin.since:
            self.pin = replace(self.pin, since=new_run_id(newest)[:-4])

    def _prepare_all(self, stack: ExitStack) -> None:
        """One snapshot for all. The first host that can be prepared says what packages and data are; the others follow, at once,
        for an environment takes minutes. One that cannot be prepared is left out, unless there is no other."""
        names = [name for name in self.opened.targets if name not in self.avoid]
        while names and not self.grounds:
            self._ground(stack, names.pop(0))
        self._prepare_at_once(stack, names)
        silent = {name: error.message for name, error in self.left_out.items() if isinstance(error, UnreachableError)}
        self.avoid |= silent  # nobody waits for them again and again in one pass
        if not self.grounds:
            raise self._refusal()
        check_machines(self.grounds)

    def _prepare_at_once(self, stack: ExitStack, names: Sequence[str]) -> None:
        """In threads, which share nothing but what several launches at once share too; what comes of it is looked at here, in
        their order."""
        first = {self.workspace.target(name).host.name: name for name in reversed(names)}  # two may lead to one machine
        works = {
            host: Work(partial(self._enter, stack, name), FOREVER, self.workspace.target(name).host.interrupt)
            for host, name in first.items()
        }
        done = {first[host]: what for host, what in self.workspace.together.do(works).items()}
        for name in names:
            self._ground(stack, name, done[name].get if name in done else None)

    def _refusal(self) -> ReprunError:
        """Why no host can take anything: the error of the first, which names the others."""
        if not self.left_out:
            return RefusedError(
                f"all of {show(self.opened.options.target)} are gone",
                hint=f"reprun sweep {show(self.opened.options.file)} --on TARGET",
            )
        first, *others = dict.fromkeys(error.message for error in self.left_out.values())
        error = next(iter(self.left_out.values()))
        error.message = "; ".join([first, *others])
        return error

    def _enter(self, stack: ExitStack, name: str) -> Ground:
        """Raises the errors of a launch."""
        lead = replace(self.planning.lead(name), lock=self.pin.locks.get(name, ""))
        snapshot = self.pin.taken() if self.pin.snapshot else None
        return stack.enter_context(grounded(self.workspace, lead, self.tell, snapshot))

    def _ground(self, stack: ExitStack, name: str, get: Callable[[], Ground] | None = None) -> Ground | None:
        """The ground on a host, made when it is first wanted unless one can `get` it; None where that fails, or it is not as on
        the other hosts."""
        if name in self.grounds or name in self.left_out:
            return self.grounds.get(name)
        try:
            ground = get() if get else self._enter(stack, name)
            self._check_basis(name, ground)
        except ReprunError as error:
            self.left_out[name] = error
            return None
        self.grounds[name] = ground
        return ground

    def _check_basis(self, name: str, ground: Ground) -> None:
        basis = basis_of(self.opened, ground)
        lock = (ground.prepared.get("locked") or {}).get("lock") or "system"
        if not self.pin.basis:
            data = {"code": basis.code, "lock": basis.lock, "data": list(basis.data)}
            self.pin = replace(self.pin, snapshot=dict(vars(ground.snapshot)), basis=data)
        wanted = self.pin.ground()
        if basis != wanted:
            what = "packages" if basis.lock != wanted.lock else "data" if basis.data != wanted.data else "code"
            raise RefusedError(
                f"{show(name)} has other {what} than the hosts before it: its results would not be of the same sweep",
                hint=f"reprun sweep {show(self.opened.options.file)} --on {show(name)}   for a sweep of its own",
            )
        self.pin = replace(self.pin, locks={**self.pin.locks, name: str(lock)})

    def _check_carried(self) -> None:
        """They are read anew for each run, and no commit holds them."""
        carried = [[one.path, one.sha256] for one in self.planning.specs.base.carried]
        changed = [path for path, digest in self.pin.carried if [path, digest] not in carried]
        if changed:
            raise RefusedError(
                f"{show(changed[0])}, which runs carry with them, has changed since this sweep began",
                hint=f"reprun sweep {show(self.opened.options.file)}   goes on with it as it is now",
            )
        self.pin = replace(self.pin, carried=carried)

    def _places(self) -> list[Place]:
        found = look_at_places(self.opened, self.planning.tables, self.avoid)
        found = settle(self.opened, found, self.planning.known)
        troubles = {name: error.message for name, error in self.left_out.items()}
        return [replace(place, trouble=troubles.get(place.name) or place.trouble) for place in found]

    def _queue(self, stack: ExitStack, name: str, some: Sequence[Step], basis: Basis, done: list[Step]) -> list[Planned]:
        """Queues the runs of a host. One that cannot take them is left out; what it may have got is looked up when it answers."""
        ground = self._ground(stack, name)
        try:
            if ground is not None:
                planned = self.planning.launched_on(name, some, basis, len(self.opened.targets) > 1)
                queue_on(self.workspace, ground, planned, self.tell)
                return planned
        except ReprunError as error:
            if len(self.opened.targets) == 1:
                raise
            self.left_out[name] = error
        reason = self._why_not(name, ground is not None)
        for at, step in enumerate(done):
            if step in some:
                done[at] = replace(step, action="later", reason=reason, run_id="", builds_on="", waits=False, target="")
        return []

    def _why_not(self, name: str, was_sent: bool) -> str:
        """Why a host got nothing, as far as that is known."""
        error = self.left_out[name]
        if not was_sent or isinstance(error, (RefusedError, UsageError)):
            return f"{show(name)}: {error.message}"
        silent = isinstance(error, UnreachableError)
        return (
            f"was being given to {show(name)}, which does not answer"
            if silent
            else f"was being given to {show(name)}: {error.message}"
        )
