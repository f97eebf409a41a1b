"""A look at a queue as rows of text: `reprun top --once` prints them, and the live view puts them into its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reprun.cli.queue_tables import headline, priority_of, short_gpu, starting, waiting_entries
from reprun.commands.topping import Look
from reprun.core.measured import items, mapping, number
from reprun.core.text import human_bytes, human_seconds, show

RUNNING = ("SLOT", "RUN", "NAME", "PROGRESS", "TIME", "LEFT", "GPU", "METRICS")
WAITING = ("#", "RUN", "NAME", "KIND", "PRIO", "STARTS", "WAITS FOR")
_GPU = RUNNING.index("GPU")
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 10  # of a bar of progress


def running_rows(look: Look) -> list[tuple[str, tuple[str, ...]]]:
    """(run id or "", cells) for each slot."""
    entries = {str(entry.get("run_id")): entry for entry in look.queue.entries}
    rows = []
    for slot in look.queue.slots:
        run_id = str(slot.get("run_id") or "")
        gpus = gpu_use(look, items(slot.get("gpus")))
        if not run_id:
            why = str(slot.get("why") or "")
            since = number(slot.get("idle_since"))
            time = human_seconds(max(0.0, look.now - since)) if since else "-"
            rows.append(("", _shown(str(slot.get("name")), "idle", "", "", time, "", gpus, why)))
            continue
        entry, run = mapping(entries.get(run_id)), mapping(look.runs.get(run_id))
        since = number(slot.get("since"))
        seconds = number(run.get("seconds")) or (max(0.0, look.now - since) if since else 0.0)
        share, left = how_far(entry, run, float(seconds))
        cells = (str(slot.get("name")), run_id, str(entry.get("name") or "-"), bar(share), human_seconds(seconds))
        rows.append((run_id, _shown(*cells, left, gpus, sparks(mapping(run.get("metrics"))))))
    return rows


def waiting_rows(look: Look) -> list[tuple[str, tuple[str, ...]]]:
    """(run id, cells) for each run that has not begun."""
    rows = []
    for entry in waiting_entries(look.queue):
        run_id = str(entry.get("run_id"))
        waits = str(entry.get("reason") or ("held" if entry.get("state") == "held" else "a slot"))
        cells = (str(entry.get("position") or "-"), run_id, str(entry.get("name") or "-"), str(entry.get("kind") or "-"))
        rows.append((run_id, _shown(*cells, priority_of(entry), starting(look.queue.starts.get(run_id), look.now), waits)))
    return rows


def running_table(look: Look, is_narrow: bool = False) -> tuple[Sequence[str], list[tuple[str, tuple[str, ...]]]]:
    """Head and rows of the slots; without the column of GPUs where there are none."""
    rows = [(run_id, _narrow(cells) if is_narrow else cells) for run_id, cells in running_rows(look)]
    if any(cells[_GPU] != "-" for _, cells in rows):
        return RUNNING, rows
    return RUNNING[:_GPU] + RUNNING[_GPU + 1 :], [(run_id, cells[:_GPU] + cells[_GPU + 1 :]) for run_id, cells in rows]


def waiting_table(look: Look, is_narrow: bool = False) -> tuple[Sequence[str], list[tuple[str, tuple[str, ...]]]]:
    """Head and rows of what waits."""
    return WAITING, [(run_id, _narrow(cells) if is_narrow else cells) for run_id, cells in waiting_rows(look)]


def title(look: Look) -> str:
    """`gpu1: 1 of 2 slots busy, 3 queued`."""
    host = show(str(look.answer.get("hostname") or ""))
    known = host and look.queue.target != "local"
    return headline(look.queue, several=False) + (f"  ({host})" if known else "")


def how_far(entry: Mapping[str, Any], run: Mapping[str, Any], seconds: float) -> tuple[float | None, str]:
    """The share that is done, where the job or earlier runs tell, and the time left."""
    told, usual = number(run.get("progress")), number(entry.get("seconds"))
    if told is not None and 0 < told <= 1:
        return float(told), f"~{human_seconds(seconds * (1 - told) / told)}"
    if usual and usual > 0:
        left = float(usual) - seconds
        return min(0.99, seconds / usual), f"~{human_seconds(left)}" if left > 0 else f"+{human_seconds(-left)}"
    return None, "-"


def bar(share: float | None) -> str:
    """`██████░░░░  63%`; a dash where nobody knows."""
    if share is None:
        return "-"
    full = round(share * _WIDTH)
    return f"{'█' * full}{'░' * (_WIDTH - full)} {share:4.0%}"


def sparks(metrics: Mapping[str, Any], most: int = 3) -> str:
    """`loss 0.0213 ▇▅▃▂▁   acc 0.97 ▁▃▆█`."""
    return "   ".join(f"{name} {_last(items(values))} {spark(items(values))}" for name, values in list(metrics.items())[:most])


def spark(values: Sequence[Any], width: int = 12) -> str:
    """A line of small bars for the last values, from the least to the most of them."""
    known = [number(value) for value in values[-width:]]
    numbers = [float(value) for value in known if value is not None and abs(value) < float("inf")]
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(
        "·" if value is None or not abs(value) < float("inf") else _BARS[round((float(value) - low) / step) if step else 0]
        for value in known
    )


def gpu_use(look: Look, uuids: Sequence[Any]) -> str:
    """`93% 18.2 GiB`, of several one after the other; the beginning of a UUID that nobody can be asked about."""
    told = []
    for uuid in map(str, uuids):
        gpu = mapping(look.gpus.get(uuid))
        use, used = number(gpu.get("use")), number(gpu.get("used"))
        known = [f"{use}%"] if use is not None else []
        known += [human_bytes(float(used) * (1 << 20))] if used is not None else []
        told.append(" ".join(known) or short_gpu(uuid))
    return ", ".join(told) or "-"


def frame(look: Look, width: int, height: int) -> list[str]:
    """The whole look as lines no wider than `width`."""
    lines = [title(look), ""]
    head, rows = running_table(look)
    lines += _table(head, [cells for _, cells in rows], width)
    head, rows = waiting_table(look)
    if rows:
        lines += ["", *_table(head, [cells for _, cells in rows], width)]
    return [line[:width] for line in lines[:height]]


def _narrow(cells: tuple[str, ...]) -> tuple[str, ...]:
    """The run by its time and the rest of its id: the day is known."""
    return (cells[0], cells[1].partition("-")[2] or cells[1], *cells[2:])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    widths = [max([len(head[at]), *(len(row[at]) for row in rows)]) for at in range(len(head))]
    widths[2] = min(widths[2], max(8, widths[2] - max(0, sum(widths[:-1]) + 2 * len(widths) - width)))
    table = [tuple(head), *rows]
    return ["  ".join(_fitted(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in table]


def _fitted(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"


def _last(values: Sequence[Any]) -> str:
    value = number(values[-1]) if values else None
    return f"{value:.4g}" if value is not None else "-"


def _shown(*cells: str) -> tuple[str, ...]:
    return tuple(show(cell) for cell in cells)
