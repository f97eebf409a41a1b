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
}


class SeedsCheck:
    """Whatever draws random numbers has a seed somewhere in the project's files; it is read there, so this only warns."""

    name = "seeds"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One warning for each library without a seed."""
        found = prepared.get("preflight", {}).get("imports", {}).get("unseeded", [])
        return [
            Finding(
                self.name, f"{library} is used and not seeded, first in {show(str(where))}", _HINTS.get(library, "seed it"), WARN
            )
            for library, where in found
        ]
