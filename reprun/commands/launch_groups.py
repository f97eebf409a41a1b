"""Which runs of a batch are so alike that a target is asked about one of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from reprun.core.spec import RunSpec


def group_of(spec: RunSpec) -> str:
    """What decides which program runs, and so what a target has to say of it."""
    return json.dumps([spec.sweep.get("stage", ""), _program_of(spec.argv), spec.config is not None])


def _program_of(argv: Sequence[str]) -> list[str]:
    """The words that say which program runs: of Python up to its script or module, without code that stands in the command."""
    words = list(argv[:1])
    if not os.path.basename(argv[0]).startswith("python"):
        return words
    rest = iter(argv[1:])
    for word in rest:
        words.append(word)
        if word in ("-m", "-W", "-X"):
            words += [next(rest, "")]
        if word in ("-c", "-m") or not word.startswith("-"):
            break
    return words
