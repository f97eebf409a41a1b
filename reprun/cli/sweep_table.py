"""The summary of a sweep for people: a table that fits, the intervals drawn, the remarks. `--json` has all of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from reprun.cli.fitting import Cell, Column, Row
from reprun.cli.table import print_fitted
from reprun.core.text import cell_width, fit_cell, show
from reprun.sweeps.summary import Answer, Roles

_MOST = 20  # answers, the best first
_WIDTH = 60  # of the drawing
_POINT, _LEFT, _RIGHT, _LINE, _VALUE = "●", "├", "┤", "─", "·"


def print_answers(answers: Sequence[Answer], roles: Roles, metric: str) -> int:
    """Prints the table and, for several, the drawing; how many answers are shown."""
    shown = answers[:_MOST]
    fitted = print_fitted(columns_of(roles, metric), [_row(at, one, roles) for at, one in enumerate(shown)])
    told = {column.name for column in fitted.columns}
    missed = [name for name in roles.nuisances if f"best {name}" not in told]
    for one in shown if missed else ():
        if one.best is not None:
            print(f"best for {label_of(one, roles)}: " + " ".join(f"{show(name)}={_value(one, name)}" for name in missed))
    if len(answers) > len(shown):
        print(f"… and {len(answers) - len(shown)} more, which are worse or have no value: --json has all")
    if drawn := drawing(shown, roles, shutil.get_terminal_size().columns if sys.stdout.isatty() else 100):
        print()
        print("\n".join(drawn))
        print()
    return len(shown)


def columns_of(roles: Roles, metric: str) -> list[Column]:
    """One for each target parameter, the number, one for each nuisance parameter."""
    targets = [Column(f"target {name}", (show(name),), 8, 3, is_middle=True) for name in roles.targets]
    heads = [(name, f"best {show(name)}") for name in roles.nuisances]
    bests = [Column(f"best {name}", (head,), max(8, cell_width(head)), 10 + at, True) for at, (name, head) in enumerate(heads)]
    numbers = [
        Column("mean", (show(metric),), 9, 0),
        Column("half", ("±95%",), 4, 1),
        Column("n", ("n",), 1, 2),
    ]
    return [
        *targets,
        *numbers,
        *bests,
        Column("settings", ("SETTINGS",), 4, 6, True),
        Column("missing", ("MISSING",), 7, 5, True),
    ]


def _row(at: int, one: Answer, roles: Roles) -> Row:
    best = one.best
    half = best.half_width if best else None
    cells: dict[str, Cell] = {
        **{f"target {name}": (show(str(one.target.get(name, "-"))),) for name in roles.targets},
        "mean": (f"{best.mean:.6g}" if best else "-",), "half": ("-" if half is None else f"{half:.3g}",),
        "n": (str(len(best.values)) if best else "0",),
        **{f"best {name}": (_value(one, name),) for name in roles.nuisances},
        "settings": (str(one.points),), "missing": (str(one.missing or "-"),),
    }  # fmt: skip
    return Row(str(at), "", "", cells, {})


def _value(one: Answer, name: str) -> str:
    value = one.best.nuisance.get(name, "-") if one.best else "-"
    return show(f"{value:.6g}" if isinstance(value, float) else str(value))


def drawing(answers: Sequence[Answer], roles: Roles, width: int) -> list[str]:
    """Each mean with its interval and the values of the seeds, over one scale; nothing where there is nothing to compare."""
    told = [(label_of(one, roles), one.best) for one in answers if one.best is not None]
    reach = [(best.mean - (best.half_width or 0.0), best.mean + (best.half_width or 0.0)) for _, best in told]
    ends = [end for pair, (_, best) in zip(reach, told, strict=True) for end in (*pair, *best.values)]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    room = min(24, max((cell_width(label) for label, _ in told), default=0), max(4, width // 3))
    size = min(_WIDTH, width - room - 2)
    if len(told) < 2 or size < 16 or not 0 < high - low < float("inf"):
        return []
    lines = []
    for (label, best), (left, right) in zip(told, reach, strict=True):
        marks = [" "] * size
        begin, end = (_place(value, low, high, size) for value in (left, right))
        if end > begin:
            marks[begin : end + 1] = [_LEFT, *([_LINE] * (end - begin - 1)), _RIGHT]
        for value in best.values:
            if marks[_place(value, low, high, size)] == " ":
                marks[_place(value, low, high, size)] = _VALUE
        marks[_place(best.mean, low, high, size)] = _POINT
        lines.append(f"{fit_cell(label, room, True)}  {''.join(marks).rstrip()}")
    first, last = f"{low:.4g}", f"{high:.4g}"
    return [*lines, f"{'':{room}}  {first}{last:>{max(1, size - len(first))}}"]


def label_of(one: Answer, roles: Roles) -> str:
    """The target values of an answer."""
    return " ".join(show(str(one.target.get(name, "-"))) for name in roles.targets) or "all"


def _place(value: float, low: float, high: float, size: int) -> int:
    return max(0, min(size - 1, round((value - low) / (high - low) * (size - 1))))
