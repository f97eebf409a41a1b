"""The studies of a sweep: a search for each set of choices, and for each value of its targets."""

from __future__ import annotations

import itertools
import re

from reprun.core.digests import sha256
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.text import show
from reprun.sweeps.axes import Axis
from reprun.sweeps.naming import name_of
from reprun.sweeps.shape import Choice, SweepFile
from reprun.sweeps.values import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 100  # characters of a name, without its digest
MAX_STUDIES = 1000


@dataclass(frozen=True)
class Study:
    """A search through the axes of `choice`. Each trial is run once for each of `seeds`, of which one is empty where the file has
    none. `seed` is that of the sampler; it is drawn from the space unless the file has one, so the same file gives the same."""

    name: str
    choice: Choice
    seeds: tuple[dict[str, Any], ...]
    seed: int

    @property
    def searched(self) -> tuple[Axis, ...]:
        """The axes that leave something to choose."""
        return tuple(axis for axis in self.choice.axes if axis.span or len(axis.points) > 1)


def studies_of(sweep: SweepFile, choice: Choice) -> list[Study]:
    """The studies of a set of choices: targets are not searched, each combination of their values gets a study of its own."""
    assert sweep.search is not None
    seeds = tuple({"seed": point[0]} for axis in choice.axes if _is_seed(axis) for point in axis.points) or ({},)
    axes = [axis for axis in choice.axes if not _is_seed(axis)]
    targets = [index for index, axis in enumerate(axes) if any(sweep.roles.get(name) == "target" for name in axis.names)]
    for index in targets:
        if axes[index].span is not None:
            name = show(axes[index].names[0])
            raise UsageError(f"{choice.where}: {name} is a target, and has no list of values", hint=f"{name}: [1, 2]")
    drawn = int(_digest(sweep, replace(choice, axes=tuple(axes)))[8:16], 16)  # for all targets, which so meet the same points
    seed = drawn if sweep.search.seed is None else sweep.search.seed
    found = []
    for points in itertools.islice(itertools.product(*(axes[index].points for index in targets)), MAX_STUDIES + 1):
        pinned = dict(zip(targets, points, strict=True))
        some = tuple(replace(axis, points=(pinned[at],)) if at in pinned else axis for at, axis in enumerate(axes))
        values = {name: value for at, point in pinned.items() for name, value in zip(axes[at].names, point, strict=True)}
        pinned_choice = replace(choice, axes=some)
        name = study_name(sweep.what, choice.title, values, _digest(sweep, pinned_choice))
        found.append(Study(name, pinned_choice, seeds, seed))
    if len(found) > MAX_STUDIES:
        raise UsageError(f"{choice.where}: the targets have more than {MAX_STUDIES} values to search for", hint="fewer targets")
    if not found[0].searched:
        raise UsageError(f"{sweep.search.where}: there is nothing to search", hint="lr: {from: 0.001, to: 0.1, log: true}")
    return found


def _is_seed(axis: Axis) -> bool:
    return axis.names == ("seed",) and axis.span is None and axis.when is None


def _digest(sweep: SweepFile, choice: Choice) -> str:
    """The digest of a space: what is drawn from, and what must hold."""
    axes = [(axis.names, axis.points, axis.span and vars(axis.span), axis.when and axis.when.source) for axis in choice.axes]
    conditions = [condition.source for condition in (*choice.conditions, *sweep.conditions)]
    return sha256(repr((axes, conditions)).encode("utf-8", "backslashreplace")).hexdigest()


def study_name(what: str, title: str, values: dict[str, Any], digest: str) -> str:
    """A name that says what the study is about and tells it from all others of other spaces."""
    stem = text_of(what).rpartition("/")[2].rpartition(".")[0] or what
    parts = [stem, title, name_of(values, lambda _: False)]
    plain = "-".join(re.sub(r"[^\w.+=]+", "_", part) for part in parts if part)
    return f"{plain[:_LONGEST]}-{digest[:8]}"
