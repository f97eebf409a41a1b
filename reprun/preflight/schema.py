"""Does the config say what it may say?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Finding

_MOST = 20  # findings


class SchemaCheck:
    """The resolved config against the JSON Schema of `[preflight] schema`, as it is in the snapshot."""

    name = "schema"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each value that the schema does not allow."""
        path = show(str(spec.preflight.get("schema", "")))
        text = prepared.get("preflight", {}).get("schema", {}).get("text", "")
        if not text:
            return [
                Finding(
                    self.name,
                    f"there is no schema {path} in the snapshot",
                    f"git check-ignore -v {path} says whether it is ignored",
                )
            ]
        try:
            from jsonschema import SchemaError
            from referencing.exceptions import Unresolvable
        except ImportError:
            message = "the config was not compared with its schema: jsonschema is not installed here"
            return [Finding(self.name, message, "pip install 'reprun[schema]'", WARN)]
        try:
            validator = _validator(text)
        except (ValueError, SchemaError, RecursionError) as error:
            said = getattr(error, "message", str(error))
            return [Finding(self.name, f"{path} is no JSON Schema: {show(said)}", f"mend {path}")]
        if spec.config is None:
            return []
        try:  # nothing is fetched that a schema names
            errors = validator.iter_errors(spec.config.values)
            return [self._finding(error, spec) for _, error in zip(range(_MOST), errors, strict=False)]
        except Unresolvable as error:
            ref = show(str(error.ref)[:200])
            message = f"{path} refers to {ref}, which is not in it, and nothing is fetched"
            return [Finding(self.name, message, f'put it into {path} under "$defs", and refer to "#/$defs/…"', WARN)]
        except Exception as error:  # such as one that refers to itself without end
            return [Finding(self.name, f"{path} cannot be used: {show(str(error)[:200])}", f"mend {path}", WARN)]

    def _finding(self, error: Any, spec: RunSpec) -> Finding:
        where = ".".join(_quoted(str(part)) for part in error.absolute_path) or "the config"
        source = spec.config.source if spec.config else ""
        other = f"in {show(str(spec.sweep['file']))}" if "file" in spec.sweep else "with --set"
        return Finding(
            self.name, f"{show(where)}: {show(error.message[:300])}", f"mend it in {show(source) or 'the config'}, or {other}"
        )


@lru_cache(maxsize=4)
def _validator(text: str) -> Any:
    """What compares with a schema: the same for all runs of a sweep."""
    from jsonschema.validators import validator_for
    from referencing import Registry

    schema = json.loads(text.removeprefix("\ufeff"))
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, registry=Registry())


def _quoted(part: str) -> str:
    """A key with a dot in it is one key."""
    return json.dumps(part, ensure_ascii=False) if "." in part or not part else part
