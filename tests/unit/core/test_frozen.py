"""The light records behave as those of the standard library."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from reprun.core import frozen


def make(module: Any, is_frozen: bool) -> Any:
    class Inner:
        a: int
        b: tuple[int, ...] = ()

    class Outer:
        name: str
        inner: Any = None
        many: dict[str, Any] = module.field(default_factory=dict)
        hidden: str = module.field(default="h", repr=False, compare=False)

    Inner.__qualname__, Outer.__qualname__ = "Inner", "Outer"
    return module.dataclass(frozen=is_frozen)(Inner), module.dataclass(frozen=is_frozen)(Outer)


def outcome(call: Any) -> Any:
    try:
        return call()
    except (TypeError, AttributeError) as error:
        return "TypeError" if isinstance(error, TypeError) else "AttributeError"


SAMPLES = {
    "plain": lambda m, i, o: repr(o("x", i(1), {"k": i(2, (3,))})),
    "defaults": lambda m, i, o: repr(o("x")),
    "by name": lambda m, i, o: repr(o(inner=i(a=1), name="n", hidden="z")),
    "too few": lambda m, i, o: repr(o()),
    "too many": lambda m, i, o: repr(o(1, 2, 3, 4, 5)),
    "unknown": lambda m, i, o: repr(o("x", other=1)),
    "twice": lambda m, i, o: repr(o("x", name="y")),
    "equal": lambda m, i, o: (
        o("x", i(1)) == o("x", i(1)),
        o("x") == o("y"),
        o("x", hidden="a") == o("x", hidden="b"),
        i(1) == 1,
    ),
    "hash": lambda m, i, o: hash(i(1, (2,))) == hash(i(1, (2,))),
    "own default": lambda m, i, o: o("x").many is o("y").many,
    "order": lambda m, i, o: list(vars(o(hidden="z", name="x"))),
    "fields": lambda m, i, o: [field.name for field in m.fields(o)],
    "replace": lambda m, i, o: repr(m.replace(o("x", i(1)), name="y")),
    "replace unknown": lambda m, i, o: repr(m.replace(o("x"), other=1)),
    "asdict": lambda m, i, o: m.asdict(o("x", i(1), {"k": [i(2)]})),
    "astuple": lambda m, i, o: m.astuple(o("x", i(1), {"k": 2})),
    "assign": lambda m, i, o: setattr(o("x"), "name", "y"),
    "delete": lambda m, i, o: delattr(o("x"), "name"),
}


@pytest.mark.parametrize("is_frozen", [True, False])
@pytest.mark.parametrize("sample", SAMPLES)
def test_as_the_standard_library_does(sample: str, is_frozen: bool) -> None:
    ours, theirs = (
        outcome(lambda module=module: SAMPLES[sample](module, *make(module, is_frozen))) for module in (frozen, dataclasses)
    )
    assert ours == theirs


def test_a_launch_does_not_load_what_is_slow() -> None:
    words = "import sys, reprun.cli.quick, reprun.cli.launch_answer, reprun.runner.start; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split()
    assert not any(name.startswith("reprun.hooks") for name in loaded)  # only where there are hooks
    assert not {
        "dataclasses",
        "inspect",
        "typer",
        "rich",
        "git",
        "yaml",
        "asyncio",
        "sqlite3",
        "tomllib",
        "typing",
        "hashlib",
        "fnmatch",
        "reprun.preflight.asked",
        "reprun.commands.probing",
        "reprun.runner.probe",
    } & set(loaded)
