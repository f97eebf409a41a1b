"""What `reprun top` shows over its tables: a question, a run, a log."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, RichLog, Static

from reprun.cli.top_details import describe
from reprun.cli.top_watch import Watcher
from reprun.commands.topping import Read
from reprun.core.text import show, show_block

_EVERY = 0.5  # seconds between two looks at a log


class Asking(ModalScreen[bool]):
    """A question with y and n."""

    CSS = """
    Asking { align: center middle; background: ansi_default; }
    Asking Static { width: auto; max-width: 90%; padding: 1 3; border: round ansi_yellow; background: ansi_default; }
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

    CSS = """
    .head { text-style: bold; padding: 0 1; background: ansi_default; }
    VerticalScroll, RichLog { background: ansi_default; color: ansi_default; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape,q", "leave", "back")]

    def __init__(self, watcher: Watcher, run_id: str) -> None:
        super().__init__()
        self.watcher, self.run_id = watcher, run_id

    def action_leave(self) -> None:
        """Back to the tables."""
        self.dismiss()


class Details(_Over):
    """A run: its state, its command, its metrics, the end of its log."""

    BINDINGS: ClassVar[list[BindingType]] = [("f", "read", "follow its log")]

    def __init__(self, watcher: Watcher, run_id: str, live: Any) -> None:
        super().__init__(watcher, run_id)
        self.live = live

    def compose(self) -> ComposeResult:
        """One text, as long as it is."""
        with VerticalScroll():
            yield Static(Text("asking …"), id="details")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Asks for it beside the terminal."""
        self.watcher.do(lambda source: source.details(self.run_id), self._told)

    def action_read(self) -> None:
        """Its log in place of this."""
        self.app.switch_screen(Log(self.watcher, self.run_id, self.run_id))

    def _told(self, found: Any, trouble: str) -> None:
        if self.is_attached:
            text = trouble or describe(self.run_id, found, self.live, max(20, self.size.width - 4))
            self.query_one("#details", Static).update(Text(show_block(text)))


class Log(_Over):
    """A log that grows, from its last part on."""

    def __init__(self, watcher: Watcher, run_id: str, name: str) -> None:
        super().__init__(watcher, run_id)
        self.called = run_id if name in run_id else f"{name}  {run_id}"
        self.read = Read()

    def compose(self) -> ComposeResult:
        """The log, and the name of the run above it."""
        yield Static(Text(f"{self.called}: standard output and standard error"), classes="head")
        yield RichLog(id="log", max_lines=5000, wrap=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Reads on until it is left."""
        self._read()

    def _read(self) -> None:
        if self.is_attached:
            self.watcher.do(lambda source: source.log(self.run_id, self.read), self._told)

    def _told(self, found: Any, trouble: str) -> None:
        if not self.is_attached:
            return
        text, is_over = found if found else ("", False)
        if trouble or text:
            self.query_one("#log", RichLog).write(Text(show_block((trouble or text).rstrip("\n"))))
        if is_over:
            self.query_one(".head", Static).update(Text(f"{self.called}: it is over"))
        else:
            self.set_timer(_EVERY, self._read)
