"""What `reprun top` shows over its tables: a question, a run, a log."""

from __future__ import annotations

import json
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, RichLog, Static

from reprun.commands.topping import Source
from reprun.core.errors import ReprunError
from reprun.core.text import show, show_block

_EVERY = 0.5  # seconds between two looks at a log


class Asking(ModalScreen[bool]):
    """A question with y and n."""

    CSS = """
    Asking { align: center middle; }
    Asking Static { width: auto; max-width: 90%; padding: 1 3; border: round $warning; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("y", "yes", "yes"), ("n,escape,q", "no", "no")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """The question."""
        yield Static(Text(f"{show(self.question)}  [y/n]"))

    def action_yes(self) -> None:
        """It is to be done."""
        self.dismiss(True)

    def action_no(self) -> None:
        """Nothing is done."""
        self.dismiss(False)


class _Over(Screen[None]):
    """A screen that is left with escape or q."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q", "leave", "back")]

    def __init__(self, source: Source, run_id: str) -> None:
        super().__init__()
        self.source, self.run_id = source, run_id

    def action_leave(self) -> None:
        """Back to the tables."""
        self.dismiss()


class Details(_Over):
    """A run: its state with its record."""

    def compose(self) -> ComposeResult:
        """One text, as long as it is."""
        yield VerticalScroll(Static(id="details"))
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Asks for it beside the terminal."""
        self.run_worker(self._ask, thread=True, exit_on_error=False)

    def _ask(self) -> None:
        try:
            state = self.source.state(self.run_id)
            record = json.dumps(state.get("record") or {}, indent=2, default=str, ensure_ascii=False)
            reason = f" ({state['reason']})" if state.get("reason") else ""
            text = f"{self.run_id}  {state.get('state')}{reason}\n\n{record}\n\nreprun show {self.run_id}"
        except ReprunError as error:
            text = error.message
        if self.is_attached:
            self.app.call_from_thread(self.query_one("#details", Static).update, Text(show_block(text)))


class Log(_Over):
    """A log that grows."""

    def compose(self) -> ComposeResult:
        """The log, and the name of the run above it."""
        yield Static(Text(f"{self.run_id}: standard output and standard error"))
        yield RichLog(id="log", max_lines=5000, wrap=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begins at the beginning of both streams."""
        self.offsets = {"stdout": 0, "stderr": 0}
        self._read()
        self.set_interval(_EVERY, self._read)

    def _read(self) -> None:
        if all(worker.is_finished for worker in self.workers):
            self.run_worker(self._ask, thread=True, exit_on_error=False)

    def _ask(self) -> None:
        try:
            text, _ = self.source.log(self.run_id, self.offsets)
        except ReprunError as error:
            text = error.message
        if text and self.is_attached:
            self.app.call_from_thread(self.query_one("#log", RichLog).write, Text(show_block(text.rstrip("\n"))))
