"""The shape of a manifest: which field holds what. A manifest may come from a stranger, so nothing is taken for granted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from reprun.core.ids import is_commit, is_run_id
from reprun.core.seeds import LIMIT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    _Test = Callable[[Any], bool]

_MISSING = object()
_GPU = r"[0-9]{1,4}|GPU-[0-9a-fA-F-]{1,40}|MIG-[0-9a-zA-Z/-]{1,80}"


def find_bad_fields(data: Mapping[str, Any]) -> Iterator[str]:
    """The names of the fields that are missing or wrong, outer ones first."""
    for path, (test, required) in {**_FIELDS, **(_CONFIG if "config" in data else {})}.items():
        value = _value(data, path)
        if required if value is _MISSING else not test(value):
            yield path


def is_inside(path: Any) -> bool:
    """True for a relative path in plain spelling that stays below its root and out of `.git`; the root itself is ``""``."""
    if path == "":
        return True
    if not isinstance(path, str) or "\x00" in path:
        return False
    return all(part not in ("", ".", "..") and part.lower() != ".git" for part in path.split("/"))


def _value(data: Mapping[str, Any], path: str) -> Any:
    value: Any = data
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\x00" not in value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_int(value) and 0 <= value < 1 << 63


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_variable(value: Any) -> bool:
    """The name of an environment variable, as the system calls take it."""
    return _is_text(value) and value != "" and "=" not in value


def is_gpu_list(value: Any) -> bool:
    """True for what `--gpus` takes: nothing, `none`, or indices and UUIDs with commas."""
    return isinstance(value, str) and (value in ("", "none") or all(re.fullmatch(_GPU, part) for part in value.split(",")))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_seed(value: Any) -> bool:
    return _is_int(value) and 0 <= value < LIMIT


def _list_of(test: _Test) -> _Test:
    return lambda value: isinstance(value, list) and all(test(item) for item in value)


def _table_of(test: _Test) -> _Test:
    return lambda value: isinstance(value, dict) and all(_is_text(name) and test(item) for name, item in value.items())


def _is_limit(value: Any) -> bool:
    return _table_of(_is_count)(value) and set(value) <= {"steps", "seconds"}


def _is_queue(value: Any) -> bool:
    """What was asked of the queue: data, which nobody but `resume` of this launch reads. Everything in it is checked there."""
    return _is_table(value) and len(value) <= 20 and all(_is_text(name) for name in value)


def _is_sweep_param(value: Any) -> bool:
    return _is_text(value) or isinstance(value, (bool, int, float))


def _is_command(value: Any) -> bool:
    return _list_of(_is_text)(value) and bool(value) and bool(value[0])


def _is_data(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("path"))
        and _is_count(value.get("size", 0))
        and _is_count(value.get("files", 0))
        and _is_text(value.get("sha256", ""))
    )


def _is_allowed(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(_is_text(value.get(name)) for name in ("path", "reason"))
        and _is_int(value.get("size"))
        and isinstance(value.get("new"), bool)
    )


def _is_carried(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and is_inside(value.get("path"))
        and value["path"] != ""
        and _is_int(value.get("size"))
        and value["size"] >= 0
        and isinstance(value.get("sha256"), str)
        and re.fullmatch("[0-9a-f]{64}", value["sha256"]) is not None
    )


def _is_submodule(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("path"))
        and isinstance(value.get("commit"), str)
        and is_commit(value["commit"])
        and isinstance(value.get("dirty"), bool)
    )


# Each field with its test, and whether it must be there. A table comes before what is in it.
_FIELDS: dict[str, tuple[_Test, bool]] = {
    "schema_version": (lambda value: _is_int(value) and value >= 1, True),
    "run_id": (lambda value: isinstance(value, str) and is_run_id(value), True),
    "created": (_is_text, True),
    "name": (_is_text, False),
    "why": (_is_text, False),
    "parent": (lambda value: value == "" or (isinstance(value, str) and is_run_id(value)), False),
    "reprun_version": (_is_text, False),
    "command": (_is_table, True),
    "command.argv": (_is_command, True),
    "command.cwd": (is_inside, False),
    "code": (_is_table, True),
    "code.commit": (lambda value: isinstance(value, str) and is_commit(value), True),
    "code.tree": (lambda value: isinstance(value, str) and is_commit(value), True),
    "code.parent": (lambda value: value == "" or (isinstance(value, str) and is_commit(value)), False),
    "code.branch": (_is_text, False),
    "code.operation": (_is_text, False),
    "code.dirty": (_is_flag, False),
    "code.ref": (_is_text, False),
    "code.changed": (_is_count, False),
    "code.added": (_is_count, False),
    "code.deleted": (_is_count, False),
    "code.submodules": (_list_of(_is_submodule), False),
    "code.conversions": (_is_table, False),
    "code.conversions.autocrlf": (lambda value: value in ("true", "input"), False),
    "code.conversions.eol": (lambda value: value == "crlf", False),
    "code.conversions.info": (_is_text, False),
    "code.conversions.user": (_is_text, False),
    "code.conversions.filters": (_list_of(_is_text), False),
    "code.conversions.lfs": (_is_int, False),
    "code.conversions.lfs_pointers": (_list_of(is_inside), False),
    "code.conversions.differ": (_list_of(_is_text), False),
    "seeds": (_is_table, True),
    "seeds.root": (_is_seed, True),
    "seeds.origin": (_is_text, False),
    "seeds.named": (_table_of(_is_seed), True),
    "environment": (_is_table, True),
    **{
        f"environment.{name}": (_is_text, False)
        for name in (
            "kind",
            "strength",
            "python",
            "implementation",
            "executable",
            "prefix",
            "digest",
            "origin",
            "platform",
            "solver",
            "installer",
            "project",
        )
    },
    "environment.capture": (lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None, False),
    "environment.lock": (lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None, False),
    **{f"environment.{name}": (_table_of(_is_text), False) for name in ("virtual", "overrides")},
    **{f"environment.{name}": (_list_of(_is_text), False) for name in ("md5_only", "post_link", "drift", "replaced")},
    "environment.packages": (_list_of(_is_text), False),
    "variables": (_is_table, True),
    "variables.values": (lambda value: _table_of(_is_text)(value) and all(map(_is_variable, value)), False),
    "variables.configured": (_list_of(_is_variable), False),
    "variables.secret": (_list_of(_is_variable), False),
    "target": (_is_table, True),
    "target.name": (_is_text, False),
    "target.gpus": (is_gpu_list, False),
    **{f"target.{name}": (_is_text, False) for name in ("host", "scheduler", "run_dir", "hostname", "machine_id")},
    "run": (_is_table, False),
    "run.writable": (_list_of(lambda value: is_inside(value) and value != ""), False),
    "run.hash_limit": (_is_count, False),
    "run.preflight": (_list_of(_is_text), False),
    "preflight": (_is_table, False),
    "preflight.level": (lambda value: value in ("quick", "full", "off"), False),
    "preflight.warnings": (_list_of(_is_text), False),
    "preflight.reports": (_table_of(_is_text), False),
    "preflight.sanity": (_table_of(_is_text), False),
    "preflight.determinism": (_is_table, False),
    "preflight.determinism.deterministic": (_is_flag, False),
    "preflight.determinism.steps": (_is_count, False),
    "preflight.determinism.runs": (_list_of(_is_text), False),
    "preflight.determinism.at": (_is_text, False),
    "run.watch_randomness": (_is_flag, False),
    "run.limit": (_is_limit, False),
    "run.queue": (_is_queue, False),
    "config": (_is_table, False),
    "data": (_list_of(_is_data), False),
    "allowed": (_list_of(_is_allowed), False),
    "carried": (_list_of(_is_carried), False),
    "sweep": (_is_table, False),
    **{f"sweep.{name}": (_is_text, False) for name in ("file", "title", "task", "name", "stage", "identity", "code")},
    "sweep.builds_on": (lambda value: isinstance(value, str) and is_run_id(value), False),
    "sweep.builds_on_or": (_list_of(lambda value: isinstance(value, str) and is_run_id(value)), False),
    "sweep.params": (_table_of(_is_sweep_param), False),
    "sweep.search": (_is_table, False),
}
# What must be in a config that is there.
_CONFIG: dict[str, tuple[_Test, bool]] = {
    "config.text": (_is_text, True),
    "config.format": (lambda value: value in ("yaml", "json", "toml"), True),
    "config.source": (_is_text, False),
    "config.sets": (_list_of(_is_text), False),
    "config.sha256": (_is_text, False),
}
