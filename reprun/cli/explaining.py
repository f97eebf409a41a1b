"""How the explanation of a snapshot looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reprun.core.spec import Carried
from reprun.core.text import human_bytes, show
from reprun.repo.explain import Explanation, Item

SHOWN = 40


def explanation_data(explanation: Explanation, carried: Sequence[Carried]) -> dict[str, Any]:
    """`data` of `reprun snapshot --explain --json`."""
    return {
        "parent": explanation.parent,
        "branch": explanation.branch,
        "committed": [vars(item) for item in explanation.committed],
        "left_out": [vars(item) for item in explanation.left_out],
        "carried": [vars(file) for file in carried],
        "submodules": explanation.submodules,
    }


def print_explanation(explanation: Explanation, carried: Sequence[Carried]) -> None:
    """Lists: what the snapshot adds to HEAD, what it leaves out with the reason, and what of that a run gets all the same."""
    on = explanation.parent[:12] or "no commit yet"
    if not explanation.committed:
        also = " with the files of its submodules" if explanation.submodules else " itself"
        print(f"snapshot   nothing to commit: {on}{also} would run")
    else:
        size = human_bytes(sum(item.size for item in explanation.committed))
        print(f"snapshot   {_paths(explanation.committed)}, {size}, on top of {on}")
    _print_items(explanation.committed)
    for entry in explanation.submodules:
        print(f"submodule  {show(entry['path'])} at {entry['commit'][:12]}{', with changes' if entry['dirty'] else ''}")
    stopped = sum(1 for item in explanation.committed if item.stopped)
    if stopped:
        print(f"refused    the guard stops a launch at {stopped} of them, and says which lines let them in or keep them out")
    if explanation.left_out:
        print(f"left out   {_paths(explanation.left_out)}")
        _print_items(explanation.left_out)
    if carried:
        print(f"carried    {_paths(carried)}, which a run gets a copy of")
        _print_items([Item(file.path, f"sha256 {file.sha256[:12]}", file.size) for file in carried])


def _print_items(items: list[Item]) -> None:
    width = min(60, max((len(show(item.path)) for item in items[:SHOWN]), default=0))
    for item in items[:SHOWN]:
        size = human_bytes(item.size) if item.size else ""
        what = show(f"{item.what}, refused: {item.stopped}" if item.stopped else item.what)
        print(f"  {show(item.path).ljust(width)}  {size:>10}  {what}")
    if len(items) > SHOWN:
        print(f"  … and {len(items) - SHOWN} more")


def _paths(items: Sequence[object]) -> str:
    return "1 path" if len(items) == 1 else f"{len(items)} paths"
