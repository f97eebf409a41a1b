"""The live view of `reprun top`. Textual is imported here and nowhere else: loading it takes longer than most answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Static

from reprun.cli.top_screens import Asking, Details, Log
from reprun.cli.top_text import running_table, title, waiting_table
from reprun.commands.topping import Look, Source
from reprun.core.errors import ReprunError
from reprun.core.text import show

NARROW = 110  # columns, below which run ids lose their date
_OF_RUNS = ("stop", "raise", "follow", "open")
_STYLES = {"idle": "dim", "-": "dim"}


def watch(source: Source, every: float) -> int:
    """Shows the queue until the user leaves. Raises what kept it from a first look."""
    first = source.look()
    app = Top(source, first, every)
    app.run()
    return 0


class Top(App[None]):
    """Two tables: the slots, and what waits."""

    TITLE = "reprun top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #title { height: 1; text-style: bold; padding: 0 1; }
    #trouble { height: auto; color: $warning; padding: 0 1; }
    DataTable { background: $background; scrollbar-size-horizontal: 0; }
    #running { height: auto; max-height: 60%; }
    #waiting { height: 1fr; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "quit"),
        ("s", "stop", "stop"),
        ("r", "raise", "raise"),
        ("f", "follow", "follow"),
        ("o", "open", "open"),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, source: Source, first: Look, every: float) -> None:
        super().__init__()
        self.source, self.look, self.every = source, first, every

    def compose(self) -> ComposeResult:
        """The parts, from top to bottom."""
        yield Static(id="title")
        yield Static(id="trouble")
        yield DataTable(id="running", cursor_type="row", zebra_stripes=True)
        yield DataTable(id="waiting", cursor_type="row", zebra_stripes=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Shows the first look, and looks again from now on."""
        self._show(self.look, "")
        is_busy = any(slot.get("run_id") for slot in self.look.queue.slots)
        self._table("running" if is_busy or not self._table("waiting").row_count else "waiting").focus()
        self.set_interval(self.every, self._refresh)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for runs mean something over the tables only."""
        return action not in _OF_RUNS or len(self.screen_stack) == 1

    def on_data_table_row_selected(self) -> None:
        """Enter, which a table takes for itself."""
        self.action_open()

    def action_open(self) -> None:
        """What there is to say of the run under the cursor."""
        run_id = self._chosen()
        if run_id:
            self.push_screen(Details(self.source, run_id))

    def action_follow(self) -> None:
        """Its log, as it is written."""
        run_id = self._chosen()
        if run_id:
            self.push_screen(Log(self.source, run_id))

    def action_raise(self) -> None:
        """Before all others."""
        run_id = self._chosen()
        if run_id:
            self._do(partial(self.source.raise_up, run_id))

    def action_stop(self) -> None:
        """Ends it, when the user says yes."""
        run_id = self._chosen()
        if run_id:
            self.push_screen(Asking(f"stop {run_id}?"), partial(self._stop, run_id))

    def _stop(self, run_id: str, yes: bool | None) -> None:
        if yes:
            self._do(partial(self.source.stop, run_id))

    def _refresh(self) -> None:
        self._do(lambda: None, group="looking")

    def _do(self, what: object, group: str = "doing") -> None:
        """Does something on the host and looks again, beside the terminal, which must not wait for either."""
        busy = any(worker.group == group and not worker.is_finished for worker in self.workers)
        if not busy:
            self.run_worker(partial(self._work, what), thread=True, group=group, exit_on_error=False)

    def _work(self, what: object) -> None:
        trouble, look = "", None
        try:
            if callable(what):
                what()
            look = self.source.look()
        except ReprunError as error:
            trouble = error.message
        if self.is_running:
            self.call_from_thread(self._show, look or self.look, trouble)

    def _show(self, look: Look, trouble: str) -> None:
        self.look = look
        if not self.screen_stack:
            return
        first = self.screen_stack[0]
        first.query_one("#title", Static).update(Text(title(look)))
        note = first.query_one("#trouble", Static)
        note.display = bool(trouble)
        note.update(Text(f"{show(trouble)}: trying again" if trouble else ""))
        is_narrow = self.size.width < NARROW
        for name, (head, rows) in (("running", running_table(look, is_narrow)), ("waiting", waiting_table(look, is_narrow))):
            fill(self._table(name), head, rows)

    def _table(self, name: str) -> DataTable[Text]:
        table: DataTable[Text] = self.screen_stack[0].query_one(f"#{name}", DataTable)
        return table

    def _chosen(self) -> str:
        table = self._table("waiting" if self._table("waiting").has_focus else "running")
        if not table.row_count:
            return ""
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or ""
        return "" if key.startswith("slot ") else key


def fill(table: DataTable[Text], head: Sequence[str], rows: list[tuple[str, tuple[str, ...]]]) -> None:
    """Shows other rows; the cursor stays on its run. Where the runs are the same, only their cells change: nothing flickers."""
    keys = [run_id or f"slot {at}" for at, (run_id, _) in enumerate(rows)]
    cells = [[Text(cell, style=_STYLES.get(cell, "")) for cell in row] for _, row in rows]
    is_same_head = [str(column.label) for column in table.ordered_columns] == list(head)
    if is_same_head and [row.key.value for row in table.ordered_rows] == keys:
        for at, row in enumerate(cells):
            for place, cell in enumerate(row):
                table.update_cell_at(Coordinate(at, place), cell, update_width=True)
        return
    before = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value if table.row_count else None
    table.clear(columns=not is_same_head)
    if not is_same_head:
        table.add_columns(*head)
    for key, row in zip(keys, cells, strict=True):
        table.add_row(*row, key=key)
    if before in keys:
        table.move_cursor(row=keys.index(before))
