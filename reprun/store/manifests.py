"""Manifests as text, and as objects of the dev repository. The object is the truth; files and the index are copies of it."""

from __future__ import annotations

from reprun.core.digests import sha256
from reprun.core.manifest import DamagedError, Manifest, check, open_seal, seal
from reprun.core.plain_write import write_plain

_MOST_TEXTS = 5000

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def render_manifest(data: dict[str, Any]) -> str:
    """The sealed TOML text of a manifest."""
    return seal(_write(data).encode()).decode()


class Renderer:
    """Renders manifests of which most tables are the same: each table is written out once."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], str] = {}

    def render(self, data: dict[str, Any]) -> str:
        """As `render_manifest`."""
        tables = {name: value for name, value in data.items() if isinstance(value, dict) or _is_tables(value)}
        parts = [_write({name: value for name, value in data.items() if name not in tables})]
        for name, value in tables.items():
            key = (name, repr(value))
            if key not in self._texts:
                if len(self._texts) > _MOST_TEXTS:
                    self._texts.clear()
                self._texts[key] = _write({name: value})
            parts.append(self._texts[key])
        return seal("\n".join(parts).encode()).decode()


def _write(data: dict[str, Any]) -> str:
    text = write_plain(data)
    if text is not None:
        return text
    import tomli_w

    return tomli_w.dumps(data, multiline_strings=True)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def digest_of(text: bytes) -> str:
    """What the journal remembers of a sealed manifest."""
    return sha256(text).hexdigest()


def parse_manifest(text: bytes, what: str) -> Manifest:
    """Reads a sealed manifest. Raises `DamagedError` when the seal, the TOML or a field is wrong."""
    from reprun.core.plain_toml import read_plain

    body = open_seal(text, what)
    try:
        decoded = body.decode("utf-8")
        data = read_plain(decoded)
        if data is not None:
            return check(data, what)
        import tomllib

        from reprun.core.toml_cost import is_costly

        if is_costly(decoded):
            raise DamagedError(f"the manifest of {what} has keys of too many parts")
        return check(tomllib.loads(decoded), what)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"the manifest of {what} is not valid TOML: {error}") from error
