"""The sources of randomness that the project's own files use, and those of them that nothing in these files seeds.

Runs in the job's own interpreter, see `probe_try`. It reads, and cannot know all: what it finds is worth a warning.
"""

from __future__ import annotations

import ast

from reprun.runner.probe_random_names import (
    LIBRARIES,
    NEUTRAL,
    NEVER,
    OF_RUNS,
    OWN,
    SEEDED_BY,
    seeds_all,
    takes_state,
    takes_state_when_shuffling,
)
from reprun.runner.probe_scan import dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set


class Randomness:
    """Fed with the trees of all files, it knows what is `unseeded`: (library or call, where it is used first)."""

    def __init__(self) -> None:
        self.used: Dict[str, Any] = {}
        self.seeded: Set[str] = set()

    def add(self, path: str, tree: ast.Module) -> None:
        """Takes one file into account."""
        names = _names(tree)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node, path)
            elif isinstance(node, ast.Call):
                self._call(node, names, path)
            elif isinstance(getattr(node, "value", None), str):
                self.seeded.update(library for name, library in OF_RUNS.items() if name in node.value)  # type: ignore[attr-defined]

    def unseeded(self) -> List[Any]:
        """Those that are used, and not seeded as far as can be seen."""
        seeded = self.seeded | ({"sklearn"} if "numpy" in self.seeded else set())  # its default is numpy's global state
        return sorted([library, where] for library, where in self.used.items() if library not in seeded)

    def _import(self, node: ast.AST, path: str) -> None:
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "") or ""]
        for module in modules:
            top = {"keras": "tensorflow"}.get(module.partition(".")[0], module.partition(".")[0])
            if top in ("torch", "tensorflow") and not getattr(node, "level", 0):
                self._use(top, path, node)

    def _call(self, node: ast.Call, names: Dict[str, Any], path: str) -> None:
        text = dotted(node.func)
        first, dot, rest = text.partition(".")
        full = names.get(first, first) + dot + rest
        last, library = full.rpartition(".")[2], full.partition(".")[0]
        by = [name for name, calls in SEEDED_BY.items() if full in calls]
        if by:
            self.seeded.update(by if _is_given(node) else ())
        elif full in NEVER or (full in OWN and not _is_given(node)):
            self._use(full, path, node)
        elif full in NEUTRAL or full in OWN:
            return
        elif library == "random" or full.startswith(("numpy.random.", "jax.random.")):
            self._use(library, path, node)
        elif library == "sklearn":
            self._sklearn(node, last, path)
        elif seeds_all(last) and (not dot or first in names or last not in ("seed", "manual_seed")):  # not that of an object
            self.seeded.update(LIBRARIES)

    def _sklearn(self, node: ast.Call, name: str, path: str) -> None:
        words = {keyword.arg: keyword.value for keyword in node.keywords}
        draws = takes_state(name) or (takes_state_when_shuffling(name) and _is_true(words.get("shuffle")))
        if draws and None not in words and _is_none(words.get("random_state")):
            self._use("sklearn", path, node)

    def _use(self, library: str, path: str, node: ast.AST) -> None:
        self.used.setdefault(library, "%s:%d" % (path, getattr(node, "lineno", 0)))


def _is_given(node: ast.Call) -> bool:
    """Whether there is a seed in it: something that is not None."""
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    return bool(values) and not _is_none(values[0])


def _is_none(node: Any) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _is_true(node: Any) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _names(tree: ast.Module) -> Dict[str, Any]:
    """What the names of a file stand for: `np` for `numpy`, `choice` for `random.choice`."""
    found: Dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = alias.name if alias.asname else alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = node.module + "." + alias.name
    return found
