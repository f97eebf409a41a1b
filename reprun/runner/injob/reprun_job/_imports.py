"""Doing something right after a module is imported for the first time. Also loaded by the watch, see ../../watch."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, Dict, Optional


class AfterImport:
    """A finder that finds nothing itself: it lets the others find, and has `then` called when the module has been executed."""

    def __init__(self, wanted: "Dict[str, Callable[[ModuleType], object]]") -> None:
        self.wanted = dict(wanted)

    def install(self) -> None:
        """Waits for the modules that are not imported yet; the others are done at once."""
        for name in list(self.wanted):
            module = sys.modules.get(name)
            if module is not None:
                self.wanted.pop(name)(module)
        if self.wanted and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> "Optional[Any]":
        """The spec that the other finders give, with a loader that calls `then`."""
        if name not in self.wanted:
            return None
        then = self.wanted.pop(name)  # before the others are asked: they may ask us again
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                _wrap(spec.loader, then)
                return spec
        self.wanted[name] = then
        return None


def _wrap(loader: Any, then: "Callable[[ModuleType], object]") -> None:
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: "ModuleType") -> None:
        execute(module)
        then(module)

    try:
        loader.exec_module = exec_module  # of this instance alone
    except AttributeError:
        pass  # a loader of somebody's that takes none: then nothing is done after it
