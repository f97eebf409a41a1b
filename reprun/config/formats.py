"""Texts of configs to values and back: YAML, JSON, TOML. A parser is imported only when a text needs it."""

from __future__ import annotations

import math
import os
import shlex
from typing import Any

from reprun.config.values import MAX_DEPTH, MAX_TEXT, Written, check_values, walk
from reprun.core.errors import UsageError
from reprun.core.text import show
from reprun.core.toml_cost import is_costly

_FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


def format_of(path: str) -> str:
    """The format of a config by its file name: `yaml`, `json` or `toml`."""
    extension = os.path.splitext(path)[1].lower()
    if extension not in _FORMATS:
        if os.path.isdir(path):
            raise UsageError(f"{show(path)} is a folder, and a config is one file", hint=f"ls {show(shlex.quote(path))}")
        raise UsageError(f"{show(path)} is not a config that reprun can read", hint=f"name it {', '.join(_FORMATS)}")
    return _FORMATS[extension]


def parse(text: str, fmt: str, what: str) -> dict[str, Any]:
    """The values of a config in `fmt`; `what` names it in the `UsageError`, which gives line and column.

    Dates, and YAML keys that are no strings, become strings that are written back as they were (`Written`).
    An empty file is an empty mapping.
    """
    what = show(what)
    if len(text) > MAX_TEXT:
        raise UsageError(
            f"{what} is larger than {MAX_TEXT >> 20} MiB",
            hint="a config holds settings; put data in files of its own",
        )
    try:
        values = _PARSERS[fmt](text, what)
    except RecursionError:
        raise UsageError(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    if values is None and fmt == "yaml":
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"{what} must hold a mapping of names to values, not {_name_of(values)}")
    check_values(values, what)
    return values


def parse_value(text: str, what: str = "the value") -> Any:
    """The value of `--set a.b=VALUE`: a YAML scalar, `[…]` or `{…}`; any other text is itself."""
    from reprun.config import yaml_text

    if len(text) > MAX_TEXT:
        raise UsageError(f"{what} is larger than {MAX_TEXT >> 20} MiB", hint="put it in a config file")
    value = yaml_text.parse_value(text, what)
    check_values(value, what)
    return value


def render(values: dict[str, Any], fmt: str) -> str:
    """The text of a config. Raises `UsageError` for a value that the format cannot hold."""
    if fmt == "yaml":
        from reprun.config import yaml_text

        return yaml_text.render(values)
    return _render_json(values) if fmt == "json" else _render_toml(values)


def _parse_yaml(text: str, what: str) -> Any:
    from reprun.config import yaml_text

    return yaml_text.parse(text, what)


def _parse_json(text: str, what: str) -> Any:
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise UsageError(f"{what} has the key {show(twice)!r} twice in one object")
        return result

    def finite(token: str) -> float:
        if not math.isfinite(value := float(token)):
            raise UsageError(
                f"{what} holds the number {show(token[:40])}, which JSON does not have",
                hint="use null, or YAML",
            )
        return value

    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=unique, parse_constant=finite, parse_float=finite)
    except json.JSONDecodeError as error:
        raise UsageError(f"{what} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # an integer of thousands of digits
        raise UsageError(f"{what} has a number that is too long", hint="write it as a string") from None


def _parse_toml(text: str, what: str) -> Any:
    import tomllib

    if is_costly(text):
        raise UsageError(f"{what} has keys of too many parts", hint="write tables as [a.b] and keep them flat")
    try:
        values = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        sentence = str(error).replace(" (at ", " at ").removesuffix(")")
        raise UsageError(f"{what} is not valid TOML: {show(sentence)}") from None
    except ValueError:
        raise UsageError(f"{what} has a number that is too long", hint="write it as a string") from None
    return _dates_as_text(values)


def _dates_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _dates_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_dates_as_text(item) for item in value]
    return Written(value.isoformat()) if hasattr(value, "isoformat") else value


def _render_json(values: dict[str, Any]) -> str:
    import json

    for path, _, value in walk(values):
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{show(path)} is {value}, which JSON cannot hold", hint="use null, or a config in YAML")
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _render_toml(values: dict[str, Any]) -> str:
    import tomli_w

    for path, _, value in walk(values):
        if value is None:
            raise UsageError(
                f"{show(path)} is null, which TOML cannot hold",
                hint="leave the key out, or use a config in YAML",
            )
    return tomli_w.dumps(_text_as_dates(values))


def _text_as_dates(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _text_as_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_text_as_dates(item) for item in value]
    return _date(value) if isinstance(value, Written) else value


def _date(text: Written) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"date = {text}")["date"]
    except tomllib.TOMLDecodeError:  # a date as YAML writes it
        return str(text)


def _name_of(value: Any) -> str:
    return "a list" if isinstance(value, list) else "nothing" if value is None else "a single value"


_PARSERS = {"yaml": _parse_yaml, "json": _parse_json, "toml": _parse_toml}
