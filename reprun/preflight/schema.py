"""Does the config say what it may say?"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
            from jsonschema.validators import validator_for
            from referencing import Registry
        except ImportError:
            message = "the config was not compared with its schema: jsonschema is not installed here"
            return [Finding(self.name, message, "pip install 'reprun[schema]'", WARN)]
        try:
            schema = json.loads(text)
            kind = validator_for(schema)
            kind.check_schema(schema)
        except (ValueError, SchemaError, RecursionError) as error:
            said = getattr(error, "message", str(error))
            return [Finding(self.name, f"{path} is no JSON Schema: {show(said)}", f"mend {path}")]
        if spec.config is None:
            return []
        try:  # nothing is fetched that a schema names
            errors = kind(schema, registry=Registry()).iter_errors(spec.config.values)
            return [self._finding(error, spec) for _, error in zip(range(_MOST), errors, strict=False)]
        except Exception as error:  # a reference that leads nowhere, in an error of a kind of its own
            return [Finding(self.name, f"{path} cannot be used: {show(str(error)[:200])}", f"mend {path}", WARN)]

    def _finding(self, error: Any, spec: RunSpec) -> Finding:
        where = ".".join(str(part) for part in error.absolute_path) or "the config"
        source = spec.config.source if spec.config else ""
        return Finding(
            self.name, f"{show(where)}: {show(error.message[:300])}", f"mend it in {show(source) or 'the config'}, or with --set"
        )
