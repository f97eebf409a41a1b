"""The keeper of a sweep: a process on this machine that makes passes until nothing of the sweep is left.

It holds no state of its own: what is wanted is pinned (sweep_pin.py), what there is is asked of the runs. So it can be killed at
any moment; `reprun sweep FILE`, `reprun queue resume` or the next keeper carries on. There is one for each sweep file, by a lock
of the kernel.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from reprun.commands.sweep_log import Log
from reprun.commands.sweep_open import open_sweep
from reprun.commands.sweep_pass import next_pass
from reprun.commands.sweep_pin import Pin, end_pin, find_pin, folder_of, keep_pin, list_pins, settings_folder
from reprun.commands.sweep_places import ask_queues
from reprun.commands.sweep_silence import Silence
from reprun.commands.sweep_tending import rebalance
from reprun.config.project import find_settings, user_config_path
from reprun.core.errors import ReprunError, UsageError
from reprun.core.frozen import replace
from reprun.core.measured import Record, items, mapping
from reprun.core.text import show
from reprun.system.clock import pause, ticks
from reprun.system.files import locked, try_locked
from reprun.system.process import detach
from reprun.workspace import Workspace, open_workspace

_LOCK = "keeper.lock"
_FIRST, _SLOWEST, _SLOWEST_FAR = 0.05, 0.5, 3.0  # seconds between two looks
_TRIES = 20
_AT_LEAST = 60.0  # a pass is made after so many seconds, whatever is seen


def ensure_keeper(workspace: Workspace, pin: Pin) -> bool:
    """Sees to it that a keeper works on the pin; True when it had to be started. Who calls it may hold the lock of the sweeps."""
    folder = folder_of(workspace.repository, pin.file)
    if is_kept(folder):
        return False
    keep = ["-B"] if sys.dont_write_bytecode else []
    try:
        # -P: the current folder is the user's, and no module of ours is to be found there.
        detach([sys.executable, "-P", *keep, "-m", "reprun.commands.sweep_keep", folder], cwd=workspace.repository.top)
    except OSError as error:
        raise UsageError(f"the keeper of {show(pin.file)} cannot be started: {error.strerror}", hint="try again") from error
    return True


def is_kept(folder: str) -> bool:
    """Whether a keeper works on what is pinned in a folder."""
    if not os.path.lexists(os.path.join(folder, _LOCK)):
        return False
    with try_locked(os.path.join(folder, _LOCK)) as is_ours:
        return not is_ours


def resume_keepers(workspace: Workspace) -> list[str]:
    """Starts the keepers that were killed, or ended with this machine; the files of their sweeps."""
    return [pin.file for pin in list_pins(workspace.repository).values() if not pin.ended and ensure_keeper(workspace, pin)]


def keep(folder: str) -> None:
    """What the process does. Another one that is at it goes on, and this one ends."""
    tries = 0
    while tries < _TRIES:
        with try_locked(os.path.join(folder, _LOCK)) as is_ours:
            if is_ours and not _Keeper(folder).work():
                return
        if is_ours:  # who has pinned something as this one ended has found the lock held
            pin, tries = find_pin(folder), 0
            if pin is None or pin.ended:
                return
            continue
        tries += 1  # somebody may only have looked whether it is held
        pause(_FIRST)


class _Keeper:
    def __init__(self, folder: str) -> None:
        self.folder, self.log = folder, Log(os.path.join(folder, "log"))
        self.silence = Silence()
        self.seen: object = None
        self.pinned = ""
        self.passed_at = 0.0

    def work(self) -> bool:
        """Until nothing is left, or somebody has said so; False when it cannot go on."""
        self.log.say(f"the keeper begins, process {os.getpid()}")
        workspace = open_workspace()
        try:
            while self._pass(workspace):
                self._rest(workspace)
        except ReprunError as error:
            self.log.say(f"the keeper gives up: {error.message}; {error.hint}")
            return False
        except Exception as error:  # nobody sees what a process without a terminal says
            self.log.say(f"the keeper gives up, by a fault of reprun itself: {type(error).__name__}: {show(str(error))}")
            raise
        self.log.say("the keeper ends")
        return True

    def _pass(self, workspace: Workspace) -> bool:
        """One pass; False when it was the last one."""
        from reprun.commands.sweep import lock_of

        if find_pin(self.folder) is None:  # the repository was moved, or removed: nothing of it is to be made anew
            return False
        with locked(lock_of(workspace), exclusive=True):
            pin = find_pin(self.folder)
            if pin is None or pin.ended:
                return False
            if pin.at != self.pinned:
                self.pinned, self.silence = pin.at, Silence()
                workspace.targets.clear()  # the settings may say other things of them
            self.passed_at = ticks()
            own = _as_pinned(workspace, self.folder, pin)
            try:
                opened = open_sweep(own, pin.what(), pin)
                passed = next_pass(opened, pin, self.silence.avoid())
                moved = rebalance(opened, passed)
            except ReprunError as error:
                self.log.trouble(error)
                return True
            finally:
                _forget_news(workspace)
            self.silence.heed(passed)
            self.log.tell(passed, moved)
            if moved or passed.ran.started:  # by the next look it may all be over, and the queues as they were before
                self.seen = None
            if passed.is_over:
                end_pin(workspace.repository, passed.pin, "done")
                return False
            if passed.pin != pin:
                keep_pin(workspace.repository, passed.pin)
        return True

    def _rest(self, workspace: Workspace) -> None:
        """Until something has changed: the pin, or a queue of a host that answers."""
        pin, delay = find_pin(self.folder), max(_FIRST, ticks() - self.passed_at)  # of large sweeps a pass takes its time
        while pin is not None:
            pause(delay)
            now = find_pin(self.folder)
            if now is None or now != pin or ticks() > self.passed_at + _AT_LEAST:
                return
            self.silence.try_again(workspace, self.silence.due())
            names = [name for name in _targets(pin) if name not in self.silence.avoid()]
            seen = _signature(ask_queues(workspace, names, {}))
            if seen != self.seen:
                self.seen = seen
                return
            is_here = all(workspace.target(name).host.is_here for name in names)
            delay = min(delay * 1.5, _SLOWEST if is_here else _SLOWEST_FAR)


def _as_pinned(workspace: Workspace, folder: str, pin: Pin) -> Workspace:
    """The workspace of where it was asked for, with the settings of then. Connections stay open."""
    settings = find_settings(settings_folder(folder, pin), user_config_path(os.environ))
    repository = replace(workspace.repository, prefix=pin.cwd)
    cwd = os.path.join(repository.top, pin.cwd)
    return replace(workspace, repository=repository, settings=settings, cwd=cwd)


def _targets(pin: Pin) -> list[str]:
    return [name.strip() for name in pin.what().target.split(",") if name.strip() not in pin.gone]


def _signature(answers: Mapping[str, Record | ReprunError]) -> object:
    """What of the queues makes a pass worth its while."""
    found: list[object] = []
    for name, answer in answers.items():
        if isinstance(answer, ReprunError):
            found.append((name, "silent"))
            continue
        entries = [(mapping(one).get("run_id"), mapping(one).get("state")) for one in items(answer.get("entries"))]
        slots = [mapping(one).get("run_id") for one in items(answer.get("slots"))]
        found.append((name, entries, slots, answer.get("paused"), answer.get("draining")))
    return found


def _forget_news(workspace: Workspace) -> None:
    """What a command tells at its end is told to nobody here, and this process lives for days."""
    for news in (workspace.notes, workspace.troubles, workspace.seen, workspace.ended):
        news.clear()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        keep(sys.argv[1])
