"""Seeds: one root, from which every named seed is derived by a documented hash, so that none is ever unknown."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.digests import sha256
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAMES = ("python", "numpy", "torch", "data")
LIMIT = 2**32  # what numpy.random.seed and PYTHONHASHSEED accept


@dataclass(frozen=True)
class Seeds:
    """The root seed, where it came from (`option`, `config`, `drawn`), and a seed for each named source of randomness."""

    root: int
    origin: str
    named: dict[str, int] = field(default_factory=dict)


def derive(root: int, name: str) -> int:
    """The seed of `name`: the first 4 bytes, big-endian, of SHA-256 over `reprun-seed-v1:<root>:<name>`."""
    return int.from_bytes(sha256(f"reprun-seed-v1:{root}:{name}".encode()).digest()[:4], "big")


def resolve(option: int | None, config: Mapping[str, Any], drawn: int) -> Seeds:
    """Chooses the root seed (option, then the config's `seed` or `seeds.root`, then `drawn`) and fills the named seeds.

    A mapping `seeds` in the config gives named seeds explicitly; a list is the job's own affair and is left alone.
    Raises `UsageError` for a seed that is not an integer from 0 to 2**32 - 1.
    """
    explicit = config.get("seeds")
    mapping = dict(explicit) if isinstance(explicit, Mapping) else {}
    from_config = config.get("seed")
    if from_config is None:
        from_config = mapping.get("root")
    if from_config is None and isinstance(explicit, int):
        from_config = explicit
    mapping.pop("root", None)
    if option is not None:
        root, origin = _checked("--seed", option), "option"
    elif from_config is not None:
        root, origin = _checked("the config's seed", from_config), "config"
    else:
        root, origin = drawn % LIMIT, "drawn"
    named = {name: derive(root, name) for name in NAMES}
    for name, value in mapping.items():
        if not str(name).isidentifier() or not str(name).isascii():
            raise UsageError(
                f"the seed name {name!r} in the config's seeds is not a plain identifier", hint="use letters, digits and _"
            )
        named[str(name)] = _checked(f"the config's seeds.{name}", value)
    return Seeds(root, origin, dict(sorted(named.items())))


def variables(seeds: Seeds) -> dict[str, str]:
    """The environment variables that carry the seeds into the job before its interpreter starts."""
    result = {"REPRUN_SEED": str(seeds.root)}
    result |= {f"REPRUN_SEED_{name.upper()}": str(value) for name, value in seeds.named.items()}
    result["PYTHONHASHSEED"] = str(seeds.named.get("python", seeds.root))
    result["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # what cuBLAS needs to be deterministic
    return result


def _checked(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LIMIT:
        raise UsageError(f"{what} must be an integer from 0 to {LIMIT - 1}, not {value!r}", hint="for example --seed 7")
    return value
