"""The live view of `reprun top`. Textual is imported here and in its parts only: loading it takes longer than most answers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from reprun.cli.fitting import Row
from reprun.cli.top_rows import Rows
from reprun.cli.top_screens import Asking, Details, Log
from reprun.cli.top_text import RUNNING, SORTS, WAITING, columns_for, running_rows, title, waiting_rows
from reprun.cli.top_watch import Done, Seen, Watcher, Work
from reprun.commands.topping import Look, Source
from reprun.core.text import show

_ON_TABLES = ("stop", "raise", "hold", "pause", "follow", "open", "sort", "switch")
_PARTS = ("title", "trouble", "note", "running", "waiting")
_NOTE_SECONDS = 10.0
_SILENT = 5.0  # seconds over its rhythm after which a host is said to keep silent


def watch(sources: Sequence[Source], every: float) -> int:
    """Shows the queues until the user leaves. Raises what kept the only one of them from a first look."""
    looks = {sources[0].on: sources[0].look()} if len(sources) == 1 else {}
    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)  # an empty one asks for nothing, as everywhere in reprun
    top = Top(sources, looks, every)
    top.run()
    return top.return_code or 0


class Top(App[None]):
    """A line for each queue, the slots with what runs, and what waits."""

    TITLE = "reprun top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    #title { height: auto; text-style: bold; }
    #trouble { height: auto; color: ansi_yellow; display: none; }
    #note { height: auto; color: ansi_cyan; display: none; }
    Rows { background: ansi_default; color: ansi_default; padding: 0 1; overflow-x: hidden; }
    Rows, VerticalScroll, RichLog {
        scrollbar-size: 0 1; scrollbar-color: ansi_bright_black; scrollbar-background: ansi_default;
        scrollbar-color-hover: ansi_white; scrollbar-color-active: ansi_white; scrollbar-background-hover: ansi_default;
        scrollbar-background-active: ansi_default;
    }
    #running { height: auto; max-height: 60%; margin-top: 1; }
    #waiting { height: 1fr; margin-top: 1; }
    #title, #trouble, #note { padding: 0 1; background: ansi_default; }
    Footer, Footer FooterKey, FooterKey .footer-key--key, FooterKey .footer-key--description { background: ansi_default; }
    FooterKey .footer-key--key { color: ansi_cyan; text-style: bold; }
    .-low #running, .-low #waiting { margin-top: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "quit"),
        ("o", "open", "open"),
        ("f", "follow", "follow"),
        ("s", "stop", "stop"),
        ("r", "raise", "raise"),
        ("h", "hold", "hold"),
        ("p", "pause", "pause"),
        ("t", "sort", "sort"),
        Binding("tab", "switch", "switch", priority=True),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, sources: Sequence[Source], looks: dict[str, Look], every: float) -> None:
        super().__init__()
        self.theme = "ansi-dark"  # the colours of the terminal itself, light or dark
        self.watchers = {source.on: Watcher(self, source, every) for source in sources}
        self.looks, self.troubles, self.every = looks, dict[str, str](), every
        self.sorts = {"running": 0, "waiting": 0}
        self.noted = 0.0

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        several = len(self.watchers) > 1
        yield Static(id="title")
        yield Static(id="trouble")
        yield Static(id="note")
        yield Rows(columns_for(RUNNING, several), "running")
        yield Rows(columns_for(WAITING, several), "waiting")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Shows the first look, and looks again from now on."""
        self._show()
        is_busy = any(row.run_id for row in self._table("running").rows)
        self._table("running" if is_busy or not self._table("waiting").rows else "waiting").focus()
        for number in (signal.SIGTERM, signal.SIGHUP):  # the terminal is put back as it was
            asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        for watcher in self.watchers.values():
            watcher.start()
        self.set_interval(1.0, self._tick)

    def on_resize(self) -> None:
        """Where there is little room, none is left free."""
        self.screen_stack[0].set_class(self.size.height < 16, "-low")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for runs mean something over the tables only."""
        return action not in _ON_TABLES or len(self.screen_stack) == 1

    def on_seen(self, event: Seen) -> None:
        """News of a host."""
        self.troubles[event.target] = event.trouble
        if event.look is not None:
            self.looks[event.target] = event.look
        self._show()

    def on_done(self, event: Done) -> None:
        """What was asked for is done."""
        event.then(event.found, event.trouble)

    def on_rows_chosen(self) -> None:
        """Enter, which a table takes for itself."""
        self.action_open()

    def action_open(self) -> None:
        """What there is to say of the run under the cursor."""
        if row := self._chosen():
            look = self.looks.get(row.target)
            self.push_screen(Details(self.watchers[row.target], row.run_id, look.runs.get(row.run_id) if look else None))

    def action_follow(self) -> None:
        """Its log, as it is written."""
        if row := self._chosen():
            self.push_screen(Log(self.watchers[row.target], row.run_id, row.cells["name"][0]))

    def action_raise(self) -> None:
        """Before all others."""
        if row := self._chosen():
            self._do(row.target, lambda source: source.raise_up(row.run_id), f"{row.cells['name'][0]} comes first")

    def action_hold(self) -> None:
        """Keeps a run from starting, or lets it go."""
        if row := self._chosen():
            do, words = ("release", "may start") if row.is_dim else ("hold", "is held: h again lets it go")
            self._do(row.target, lambda source: source.change(do, row.run_id), f"{row.cells['name'][0]} {words}")

    def action_pause(self) -> None:
        """Starts nothing new, or goes on."""
        target = self._target()
        look = self.looks.get(target)
        if look is not None:
            is_closed = bool(look.answer.get("paused") or look.answer.get("draining"))
            do, words = ("resume", "the queue goes on") if is_closed else ("pause", "nothing new starts; p again to go on")
            self._do(target, lambda source: source.whole(do), words)

    def action_stop(self) -> None:
        """Ends it, when the user says yes."""
        if row := self._chosen():
            name = row.cells["name"][0]
            called = f"{name} ({row.run_id})" if name not in row.run_id else row.run_id
            time = row.cells.get("time", ("",))[0]
            question = f"stop {called}, which has run for {time}?" if time else f"take {called} out of the queue?"
            self.push_screen(Asking(question), partial(self._stop, row))

    def _stop(self, row: Row, yes: bool | None) -> None:
        if yes:
            name = row.cells["name"][0]
            self._note(f"stopping {name} …")
            self._do(row.target, lambda source: source.stop(row.run_id), lambda state: f"{name}: {state}")

    def action_sort(self) -> None:
        """Another column sorts the table with the cursor."""
        name = "waiting" if self._table("waiting").has_focus else "running"
        self.sorts[name] = (self.sorts[name] + 1) % len(SORTS[name])
        self._show()

    def action_switch(self) -> None:
        """To the other table."""
        self._table("running" if self._table("waiting").has_focus else "waiting").focus()

    def _do(self, target: str, work: Work, words: str | Callable[[Any], str]) -> None:
        def then(found: Any, trouble: str) -> None:
            self._note(trouble or (words if isinstance(words, str) else words(found)))

        self.watchers[target].do(work, then)

    def _note(self, text: str) -> None:
        self.noted = monotonic()
        self._put("note", show(text))

    @property
    def is_there(self) -> bool:
        """False before there is something to show on, and while it is taken away."""
        parts = ", ".join(f"#{part}" for part in _PARTS)
        return bool(self.screen_stack) and len(self.screen_stack[0].query(parts)) == len(_PARTS)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        for watcher in self.watchers.values():
            watcher.leave()

    def _tick(self) -> None:
        if not self.is_there:
            return
        if self.noted and monotonic() - self.noted > _NOTE_SECONDS:
            self.noted = 0.0
            self._put("note", "")
        self._put("trouble", "\n".join(self._troubles()))

    def _troubles(self) -> list[str]:
        """What is not as it should be: hosts that cannot be asked, and those that have not answered for long."""
        found = []
        for target, watcher in self.watchers.items():
            silent = monotonic() - watcher.answered
            since = f"; this is of {silent:.0f} s ago" if target in self.looks else ""
            if self.troubles.get(target):
                found.append(f"{show(self.troubles[target])}: trying again{since}")
            elif silent > self.every + _SILENT:
                found.append(f"{show(target)} has said nothing for {silent:.0f} s")
        return found

    def _put(self, name: str, text: str) -> None:
        part = self.screen_stack[0].query_one(f"#{name}", Static)
        if part.display != bool(text):
            part.display = bool(text)
        if text != getattr(part, "shown", None):
            part.shown = text  # type: ignore[attr-defined]  # compared, so that nothing is drawn twice
            part.update(Text(text))

    def _show(self) -> None:
        if not self.is_there:
            return
        lines = [title(self.looks[name]) if name in self.looks else f"{show(name)}: asking …" for name in self.watchers]
        self._put("title", "\n".join(lines))
        self._put("trouble", "\n".join(self._troubles()))
        several = len(self.watchers) > 1
        for name, columns, rows_of in (("running", RUNNING, running_rows), ("waiting", WAITING, waiting_rows)):
            by = SORTS[name][self.sorts[name]]
            rows = [row for target in self.watchers if target in self.looks for row in rows_of(self.looks[target])]
            if self.sorts[name]:
                rows.sort(key=lambda row: row.order[by])
            self._table(name).set_rows(rows, columns_for(columns, several), by if self.sorts[name] else "")

    def _table(self, name: str) -> Rows:
        return self.screen_stack[0].query_one(f"#{name}", Rows)

    def _target(self) -> str:
        table = self._table("waiting" if self._table("waiting").has_focus else "running")
        return table.row.target if table.row else next(iter(self.watchers))

    def _chosen(self) -> Row | None:
        """The run under the cursor, where there is one."""
        row = self._table("waiting" if self._table("waiting").has_focus else "running").row
        if row is None or not row.run_id:
            self._note("there is no run; tab goes to the other table" if row is None else "no run is in this slot")
            return None
        return row
