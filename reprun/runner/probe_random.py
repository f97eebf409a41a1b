"""The sources of randomness that the project's own files use, and those of them that nothing in these files seeds.

Runs in the job's own interpreter, see `probe_try`. It reads, and cannot know all: what it finds is worth a warning.
"""

from __future__ import annotations

import ast

from reprun.runner.probe_scan import dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set

_SEEDS_ALL = (
    "seed_everything",
    "set_seed",
    "set_all_seeds",
    "seed_all",
    "fix_seed",
    "fix_seeds",
    "set_seeds",
    "enable_determinism",
)
_SEEDED_BY = {
    "random": ("random.seed", "random.Random"),
    "numpy": ("numpy.random.seed", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.SeedSequence"),
    "torch": ("torch.manual_seed", "torch.random.manual_seed", "torch.cuda.manual_seed_all"),
    "tensorflow": ("tensorflow.random.set_seed", "tensorflow.set_random_seed", "tensorflow.keras.utils.set_random_seed",
        "keras.utils.set_random_seed"),
    "jax": ("jax.random.PRNGKey", "jax.random.key"),
}  # fmt: skip
_TAKES_STATE = (
    "train_test_split", "shuffle", "resample", "KMeans", "MiniBatchKMeans", "MLPClassifier", "MLPRegressor", "SGDClassifier",
    "SGDRegressor", "ShuffleSplit", "StratifiedShuffleSplit", "RandomizedSearchCV", "TSNE", "NMF", "make_classification",
    "make_regression", "make_blobs", "make_moons", "Perceptron", "IsolationForest", "BaggingClassifier", "BaggingRegressor",
)  # fmt: skip
_TAKES_STATE_ENDS = (
    "ForestClassifier",
    "ForestRegressor",
    "BoostingClassifier",
    "BoostingRegressor",
    "TreesClassifier",
    "TreesRegressor",
)
LIBRARIES = (*_SEEDED_BY, "sklearn")


class Randomness:
    """Fed with the trees of all files, it knows what is `unseeded`: (library, where it is used first)."""

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
            elif isinstance(getattr(node, "value", None), str) and "REPRUN_SEED" in node.value:  # type: ignore[attr-defined]
                self.seeded.update(LIBRARIES)

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
        last = full.rpartition(".")[2]
        has_words = bool(node.args or node.keywords)
        if last.lower() in _SEEDS_ALL or ("seed" in last.lower() and full not in sum(_SEEDED_BY.values(), ())):
            self.seeded.update(LIBRARIES)
        for library, calls in _SEEDED_BY.items():
            if full in calls and (has_words or full == "random.seed"):
                self.seeded.add(library)
                return
        library = full.partition(".")[0]
        if library == "random" or full.startswith(("numpy.random.", "jax.random.")):
            self._use(library, path, node)
        elif library == "sklearn" and (last in _TAKES_STATE or last.endswith(_TAKES_STATE_ENDS)):
            words = [keyword.arg for keyword in node.keywords]
            if "random_state" not in words and None not in words:
                self._use("sklearn", path, node)

    def _use(self, library: str, path: str, node: ast.AST) -> None:
        self.used.setdefault(library, "%s:%d" % (path, getattr(node, "lineno", 0)))


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
