"""A sweep file, read and checked."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field
from reprun.sweeps.axes import Axis
from reprun.sweeps.conditions import Condition
from reprun.sweeps.search import Search
from reprun.sweeps.template import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROLES = ("target", "nuisance", "fixed")


@dataclass(frozen=True)
class Choice:
    """One set of choices: its product is swept, as far as the conditions hold. Without `stages` it is for all of them."""

    axes: tuple[Axis, ...]
    title: str = ""
    stages: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    where: str = ""

    @property
    def names(self) -> set[str]:
        """The parameters that it chooses."""
        return {name for axis in self.axes for name in axis.names}


@dataclass(frozen=True)
class Alias:
    """A name for several parameters: by `cases`, each with its values, or `targets` that take the value over."""

    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """The parameters that it stands for."""
        return {name for case in self.cases.values() for name in case} | set(self.targets)


@dataclass(frozen=True)
class Trial:
    """What a study has asked for: its number there, the values that were chosen without a seed, and the seed of the sampler."""

    study: str
    number: int
    chosen: dict[str, Any]
    seed: int = 0


@dataclass(frozen=True)
class SweepFile:
    """What the file says. `places` has where each template stands, for errors; `notes` is what a reader should be told."""

    what: str
    stages: dict[str, str]
    choices: tuple[Choice, ...]
    defaults: dict[str, Any] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    roles: dict[str, str] = field(default_factory=dict)
    metric: str = ""
    direction: str = "max"
    config: str = ""
    ignore: tuple[str, ...] = ()
    stop_after: int = 0
    retries: int = 0
    places: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    search: Search | None = None

    def made_by(self, stage: str) -> tuple[str, ...]:
        """What makes the output of a stage, but for the parameters: the config and the templates of the stages up to it."""
        names = list(self.stages)
        return (self.config, *(one_line(self.stages[name]) for name in names[: names.index(stage) + 1]))
