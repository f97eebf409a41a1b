"""What Python loads when it starts in a job whose randomness is watched: the watch, then the `sitecustomize` that was there.

Nothing in here may keep a job from starting, and little is imported that Python has not imported already.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))


def _load(spec: Optional[ModuleSpec]) -> Any:
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _watch() -> None:
    imports = os.path.join(os.path.dirname(_HERE), "injob", "reprun_job", "_imports.py")
    try:
        if os.environ.get("REPRUN_EVENTS"):
            _load(spec_from_file_location("_reprun_imports", imports))
            _load(spec_from_file_location("_reprun_watch", os.path.join(_HERE, "_reprun_watch.py"))).start()
    except Exception as error:
        sys.stderr.write("reprun: randomness is not watched here: %s\n" % error)


_watch()
# What the other one raises is Python's to report, as without us.
_load(PathFinder.find_spec("sitecustomize", [part for part in sys.path if os.path.abspath(part) != _HERE]))
