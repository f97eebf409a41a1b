"""Is every source of randomness seeded?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Finding

_HINTS = {
    "random": 'random.seed(int(os.environ["REPRUN_SEED_PYTHON"]))',
    "numpy": 'numpy.random.seed(int(os.environ["REPRUN_SEED_NUMPY"]))',
    "torch": 'torch.manual_seed(int(os.environ["REPRUN_SEED_TORCH"]))',
    "tensorflow": 'tensorflow.random.set_seed(int(os.environ["REPRUN_SEED"]))',
    "jax": 'key = jax.random.PRNGKey(int(os.environ["REPRUN_SEED"]))',
    "sklearn": 'random_state=int(os.environ["REPRUN_SEED_NUMPY"])',
    "random.Random": 'random.Random(int(os.environ["REPRUN_SEED_PYTHON"]))',
    "random.SystemRandom": 'random.Random(int(os.environ["REPRUN_SEED_PYTHON"]))',
    "numpy.random.default_rng": 'numpy.random.default_rng(int(os.environ["REPRUN_SEED_NUMPY"]))',
    "numpy.random.RandomState": 'numpy.random.RandomState(int(os.environ["REPRUN_SEED_NUMPY"]))',
}
_NEVER = ("random.SystemRandom", "tensorflow.random.Generator.from_non_deterministic_state")


class SeedsCheck:
    """Whatever draws random numbers has a seed somewhere in the project's files; it is read there, so this only warns."""

    name = "seeds"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One warning for each library without a seed."""
        found = prepared.get("preflight", {}).get("imports", {}).get("unseeded", [])
        return [Finding(self.name, _message(str(library), str(where)), _hint(str(library)), WARN) for library, where in found]


def _message(library: str, where: str) -> str:
    what = "which no seed reaches" if library in _NEVER else "and not seeded"
    return f"{show(library)} is used{',' * (library in _NEVER)} {what}, first in {show(where)}"


def _hint(library: str) -> str:
    seed = "REPRUN_SEED_NUMPY" if library.startswith("numpy.") else "REPRUN_SEED"
    return _HINTS.get(library, f'give {show(library)} a seed: int(os.environ["{seed}"])')
