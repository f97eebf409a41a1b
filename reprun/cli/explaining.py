"""How the explanation of a snapshot looks."""

from __future__ import annotations

from typing import Any

from reprun.core.text import human_bytes, show
from reprun.repo.explain import Explanation, Item

SHOWN = 40


def explanation_data(explanation: Explanation) -> dict[str, Any]:
    """`data` of `reprun snapshot --explain --json`."""
    return {
        "parent": explanation.parent,
        "branch": explanation.branch,
        "committed": [vars(item) for item in explanation.committed],
        "left_out": [vars(item) for item in explanation.left_out],
    }


def print_explanation(explanation: Explanation) -> None:
    """Two lists: what the snapshot adds to HEAD, and what it leaves out with the reason."""
    on = explanation.parent[:12] or "no commit yet"
    if not explanation.committed:
        print(f"snapshot   nothing to commit: {on} itself would run")
    else:
        size = human_bytes(sum(item.size for item in explanation.committed))
        print(f"snapshot   {len(explanation.committed)} paths, {size}, on top of {on}")
    _print_items(explanation.committed)
    if explanation.left_out:
        print(f"left out   {len(explanation.left_out)} paths")
        _print_items(explanation.left_out)


def _print_items(items: list[Item]) -> None:
    width = min(60, max((len(show(item.path)) for item in items[:SHOWN]), default=0))
    for item in items[:SHOWN]:
        print(
            f"  {show(item.path).ljust(width)}  {human_bytes(item.size).rjust(10) if item.size else ' ' * 10}  {show(item.what)}"
        )
    if len(items) > SHOWN:
        print(f"  … and {len(items) - SHOWN} more")
