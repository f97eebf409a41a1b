"""`seed_everything`: the seeds of the run given to the libraries that draw random numbers."""

from __future__ import annotations

import os
import sys

from reprun_job._events import FILE
from reprun_job._imports import AfterImport
from reprun_job._lines import append, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional

_LIMIT = 2**32


def seed_everything(default: Optional[int] = None, deterministic: bool = False) -> Dict[str, Any]:
    """Seeds `random`, NumPy's global generator, PyTorch with CUDA, and TensorFlow, each with its own seed of the run.

    A library that is imported later is seeded right after its import. `default` is the root seed where there is no run; without
    it nothing is done there. With `deterministic` PyTorch and TensorFlow are told to use deterministic algorithms only. Returns
    what was seeded, by name: `jax` is a key to draw from, for JAX has no global generator, and `PYTHONHASHSEED` is what the
    interpreter was started with.
    """
    root = _number(os.environ.get("REPRUN_SEED"), default)
    if root is None:
        return {}
    done: Dict[str, Any] = {"python": _python(_seed(root, "python"))}
    later: Dict[str, Callable[[Any], Any]] = {
        "numpy.random": lambda module: _numpy(module, _seed(root, "numpy")),
        "torch": lambda module: _torch(module, _seed(root, "torch"), deterministic),
        "tensorflow": lambda module: _tensorflow(module, _seed(root, "tensorflow"), deterministic),
    }
    for name in list(later):
        if _is_whole(name):
            done[name.partition(".")[0]] = later.pop(name)(sys.modules[name])
    AfterImport({name: _noted(name, seed) for name, seed in later.items()}).install()
    hashing = _number(os.environ.get("PYTHONHASHSEED"), None)
    noted = dict(done) if hashing is None else {**done, "PYTHONHASHSEED": hashing}
    if _is_whole("jax"):
        noted["jax"] = _seed(root, "jax")
    append(FILE, {"event": "seeded", "seeds": noted})
    if "jax" in noted:
        noted["jax"] = sys.modules["jax"].random.PRNGKey(noted["jax"])
    return noted


def _is_whole(name: str) -> bool:
    """True for a module that is imported to its end."""
    module = sys.modules.get(name)
    return module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False)


def _noted(name: str, seed: Callable[[Any], Any]) -> Callable[[Any], None]:
    def then(module: Any) -> None:
        try:
            append(FILE, {"event": "seeded", "seeds": {name.partition(".")[0]: seed(module)}})
        except Exception as error:  # the import itself went well
            warn("%s was not seeded: %s" % (name, error))

    return then


def _seed(root: int, name: str) -> int:
    """The named seed of the run; where it has none, derived as docs/explanation/seeds.md says."""
    given = _number(os.environ.get("REPRUN_SEED_" + name.upper()), None)
    if given is not None:
        return given
    from hashlib import sha256

    return int.from_bytes(sha256(("reprun-seed-v1:%d:%s" % (root, name)).encode()).digest()[:4], "big")


def _number(text: Any, default: Optional[int]) -> Optional[int]:
    try:
        return int(text) % _LIMIT
    except (TypeError, ValueError):
        return None if default is None else int(default) % _LIMIT


def _python(seed: int) -> int:
    import random

    random.seed(seed)
    return seed


def _numpy(module: Any, seed: int) -> int:
    module.seed(seed)
    return seed


def _torch(module: Any, seed: int, deterministic: bool) -> int:
    module.manual_seed(seed)  # CUDA and the other devices too, as soon as they are used
    if deterministic:
        module.use_deterministic_algorithms(True)
        module.backends.cudnn.benchmark = False
    return seed


def _tensorflow(module: Any, seed: int, deterministic: bool) -> int:
    module.random.set_seed(seed)
    if deterministic:
        module.config.experimental.enable_op_determinism()
    return seed
