"""Keys that would fill the memory are found before they are read; what is in strings and comments costs nothing."""

from __future__ import annotations

import pytest

from reprun.config.formats import parse
from reprun.core.errors import ReprunError, UsageError
from reprun.core.manifest import seal
from reprun.core.toml_cost import is_costly
from reprun.store.manifests import parse_manifest
from reprun.store.rows import manifest_row

LONG = ".".join(["a"] * 100_000)
COSTLY = (
    f"{LONG} = 1", f"[{LONG}]", f"x = {{{LONG} = 1}}", " . ".join(['"a"', "'b'"] * 50_000) + " = 1",
    "\n".join(f"k{number}." + ".".join("abcdefgh" * 100) + " = 1" for number in range(100)),
)  # fmt: skip
CHEAP = (
    f'x = "{LONG}"', f"x = '{LONG}'", f'x = """\n{LONG}\n\\" and {LONG} """', f"x = '''\n{LONG} = 1\n'''", f"# {LONG}",
    "x = [" + ", ".join(["1.5"] * 100_000) + "]", "\n".join(f"a.b{number} = 1.5" for number in range(10_000)),
)  # fmt: skip


@pytest.mark.parametrize("text", COSTLY, ids=lambda text: text[:12])
def test_keys_of_too_many_parts_are_refused(text: str) -> None:
    assert is_costly(text)
    with pytest.raises(UsageError, match="too many parts"):
        parse(text, "toml", "c")
    with pytest.raises(ReprunError, match="too many parts"):
        parse_manifest(seal(text.encode()), "x")
    assert manifest_row("20260101-000000-enemy7", seal(text.encode()), lambda *_: {}).reason == "damaged manifest"


@pytest.mark.parametrize("text", CHEAP, ids=lambda text: text[:12])
def test_dots_elsewhere_are_fine(text: str) -> None:
    import tomllib

    assert not is_costly(text) and isinstance(tomllib.loads(text), dict)
