"""The keys of `reprun.toml` and what each may hold. Imported only when there is such a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.config import fields, preflight_keys
from reprun.config.formats import parse
from reprun.core.environment import DRIFT, KINDS, PROJECT
from reprun.core.errors import UsageError
from reprun.core.queued import KINDS as KINDS_OF_RUNS
from reprun.core.text import show


def parse_settings(text: str, what: str = "reprun.toml") -> dict[str, Any]:
    """The checked values of one file, as nested as they stand in it."""
    return _checked(parse(text, "toml", what), SCHEMA, f"{show(what)}:")


def _checked(values: Any, schema: Mapping[str, fields.Check], where: str) -> dict[str, Any]:
    """Every value checked by its key. `where` is `FILE:` at the top and `FILE: section` below."""
    at_top = where.endswith(":")
    result = {}
    for key, value in fields.table(where, values).items():
        if key not in schema:
            raise fields.unknown(where.removesuffix(":"), key, schema)
        result[key] = schema[key](f"{where} {key}" if at_top else f"{where}.{key}", value)
    return result


def _metrics(where: str, value: Any) -> dict[str, dict[str, float]]:
    names = fields.table(where, value)
    return {name: _checked(item, _TOLERANCE, f"{where}.{name}") for name, item in names.items()}


def _targets(where: str, value: Any) -> dict[str, dict[str, Any]]:
    names = fields.table(where, value)
    return {name: _checked(item, _TARGET, f"{where}.{name}") for name, item in names.items()}


def _sanity(where: str, value: Any) -> dict[str, dict[str, Any]]:
    names = fields.table(where, value)
    return {name: _experiment(f"{where}.{name}", item) for name, item in names.items()}


def _experiment(where: str, value: Any) -> dict[str, Any]:
    found = _checked(value, _SANITY, where)
    if "command" not in found:
        raise UsageError(f"{where} has no command", hint='command = ["python", "train.py", "--config", "{config}"]')
    if ("metric" in found) != ("pass" in found):
        raise UsageError(f"{where} needs metric and pass together", hint='metric = "accuracy" and pass = "> 0.99"')
    return found


def _bound(where: str, value: Any) -> str:
    from reprun.core.sanity import parse_bound

    return parse_bound(fields.text(where, value), where).text


def _command(where: str, value: Any) -> tuple[str, ...]:
    words: tuple[str, ...] = fields.list_of(_word)(where, value)
    if not words or not words[0]:
        raise fields.wrong(where, "a list of words", value, hint='for example ["python", "train.py"]')
    return words


def _word(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise fields.wrong(where, "a string", value)
    return value


_TARGET: dict[str, fields.Check] = {
    "host": fields.text,
    "scheduler": fields.text,
    "python": fields.text,
    "home": fields.text,
    "timeout": fields.number,
    "time_limit": fields.duration,
    "slots": fields.list_of(fields.slot),
    "cpu_slots": fields.count,
    "options": fields.table,  # for a scheduler of somebody else, who checks them
}
_SANITY: dict[str, fields.Check] = {
    "command": _command,
    "config": fields.inside,
    "sets": fields.list_of(fields.text),
    "seed": fields.count,
    "metric": fields.text,
    "pass": _bound,
    "steps": fields.positive,
    "seconds": fields.positive,
    "checkpoint": fields.boolean,
    "after": fields.text,
    "before": fields.duration,
}
_TOLERANCE: dict[str, fields.Check] = {"rtol": fields.number, "atol": fields.number}


def _section(**schema: fields.Check) -> fields.Check:
    return lambda where, value: _checked(value, schema, where)


SCHEMA: dict[str, fields.Check] = {
    "auto_commit": fields.choice("ref", "branch"),
    "require_clean": fields.boolean,
    "config": fields.text,
    "writable": fields.list_of(fields.inside),
    "carry": fields.list_of(fields.inside),
    "data": fields.list_of(preflight_keys.data_entry),
    "pass_env": fields.list_of(fields.name_glob),
    "env": fields.environment,
    "outputs": _section(hash_limit=fields.size),
    "environment": _section(
        kind=fields.choice(*KINDS),
        files=fields.list_of(fields.inside),
        lock=fields.inside,
        categories=fields.list_of(fields.text),
        platforms=fields.list_of(fields.text),
        overrides=fields.virtual_packages,
        solver=fields.text,
        timeout=fields.number,
        drift=fields.choice(*DRIFT),
        fetch=fields.choice("host", "dev"),
        labels=fields.list_of(fields.label),
        python=fields.python_version,
        project=fields.choice(*PROJECT),
        pypi_names=fields.text,
    ),
    "guard": _section(max_file=fields.size, max_total=fields.size, max_new_files=fields.count, allow=fields.list_of(fields.text)),
    "git": _section(push=fields.remote),
    "snapshot": _section(filters=fields.choice("exact", "committed")),
    "launch": _section(grace=fields.number, watch_randomness=fields.boolean),
    "preflight": preflight_keys.preflight,
    "hooks": _section(
        timeout=fields.number,
        post_run_on_host=fields.boolean,
        notify=fields.list_of(fields.text),
        notify_url=fields.web_address,
        trailer=fields.choice("named", "latest", "never"),
    ),
    "queue": _section(
        slots=fields.list_of(fields.slot), cpu_slots=fields.count, limit=fields.positive, kind=fields.choice(*KINDS_OF_RUNS)
    ),
    "results": _section(auto_pull=fields.list_of(fields.text), auto_pull_max=fields.size),
    "verdict": _section(**_TOLERANCE, ignore=fields.list_of(fields.text), metrics=_metrics),
    "targets": _targets,
    "sanity": _sanity,
}
