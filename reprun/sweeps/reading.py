"""From the documents of a sweep file to what they say. Every refusal names the line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from reprun.core.documents import Document
from reprun.core.errors import UsageError
from reprun.core.queued import MOST_RETRIES
from reprun.core.text import is_recordable, show
from reprun.sweeps.axes import check_value
from reprun.sweeps.choosing import conditions_of, find_choice, seeds_choice
from reprun.sweeps.search import Search, parse_search
from reprun.sweeps.shape import ROLES, Alias, Choice, SweepFile
from reprun.sweeps.template import names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KNOWN = (
    "template",
    "default",
    "alias",
    "resource",
    "constraints",
    "roles",
    "metric",
    "direction",
    "config",
    "seeds",
    "ignore",
    "search",
    "stop_after",
    "retries",
)
_LONGEST = 100_000  # characters of a command: Linux starts none with a word of 128 KiB
_EXAMPLE = "template: {train: python train.py [lr]}"


def read_sweep(documents: Sequence[Document], what: str) -> SweepFile:
    """The sweep that the documents describe. Raises `UsageError` for what cannot be meant."""
    what = show(what)
    if not documents:
        raise UsageError(f"{what} holds nothing", hint=_EXAMPLE)
    head = documents[0]
    stages = _stages(head, what)
    defaults = _table(head, "default", what)
    for name, value in defaults.items():
        check_value(name, value, _where(what, head, "default", name))
    aliases = {name: _alias(head, name, raw, what) for name, raw in _table(head, "alias", what).items()}
    used = set(defaults) | {name for text in stages.values() for name in names_in(text)}
    search = _search(head, what)
    choices = [find_choice(one, used, what, search is not None) for one in documents[1:]] or [
        Choice((), where=_where(what, head))
    ]
    if "seeds" in head.values:
        choices = [seeds_choice(one, head.values["seeds"], _where(what, head, "seeds")) for one in choices]
    found = SweepFile(
        what,
        stages,
        tuple(choices),
        defaults,
        aliases,
        _resources(head, what),
        conditions_of(head.values.get("constraints"), _where(what, head, "constraints")),
        _roles(head, what),
        _said(head, what, "metric", search.metric if search else ""),
        _said(head, what, "direction", search.direction if search else "") or "max",
        _text(head, "config", what),
        _ignored(head, what),
        _count(head, "stop_after", 1_000_000, what),
        _count(head, "retries", MOST_RETRIES, what),
        {name: _where(what, head, "template", name) for name in stages},
        tuple(_unknown(head, what)),
        search,
    )
    _check(found, head, documents[1:])
    return found


def _where(what: str, document: Document, *path: str) -> str:
    return f"{what}, line {document.line_of(*path)}"


def _stages(head: Document, what: str) -> dict[str, str]:
    stages = _table(head, "template", what)
    if not stages:
        hint = "the first document says what runs, the others what is varied: " + _EXAMPLE
        raise UsageError(f"{_where(what, head, 'template')}: there is no template in the first document", hint=hint)
    for name, text in stages.items():
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{_where(what, head, 'template', name)}: the stage {show(name)} has no command", hint=_EXAMPLE)
        if not is_recordable(text) or len(text) > _LONGEST:
            problem = f"of more than {_LONGEST} characters" if len(text) > _LONGEST else "that is no text"
            where = f"{_where(what, head, 'template', name)}: the stage {show(name)}"
            raise UsageError(f"{where} has a command {problem}", hint='put it into a file: template: {train: "bash a.sh {lr}"}')
    return {str(name): text for name, text in stages.items()}


def _table(head: Document, key: str, what: str) -> dict[str, Any]:
    value = head.values.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"{_where(what, head, key)}: {key} is no mapping of names to values", hint=f"{key}: {{name: value}}")
    return value


def _text(head: Document, key: str, what: str) -> str:
    value = head.values.get(key, "")
    allowed = ("", "max", "min") if key == "direction" else None
    if not isinstance(value, str) or (allowed and value not in allowed):
        problem, hint = ("neither max nor min", "direction: min") if allowed else ("no name", f"{key}: NAME")
        raise UsageError(f"{_where(what, head, key)}: {key} is {problem}", hint=hint)
    return value


def _search(head: Document, what: str) -> Search | None:
    if "search" not in head.values:
        return None
    return parse_search(head.values["search"], lambda key: _where(what, head, "search", *([key] if key else [])))


def _said(head: Document, what: str, key: str, searched: str) -> str:
    """What the file says of the metric, by itself or for its search."""
    found = _text(head, key, what)
    if found and searched and found != searched:
        where = _where(what, head, "search", key)
        raise UsageError(f"{where}: {key} is {show(searched)} here and {show(found)} outside of search", hint="keep one of them")
    return found or searched


def _alias(head: Document, name: str, raw: Any, what: str) -> Alias:
    where = _where(what, head, "alias", name)
    if isinstance(raw, list) and raw and all(isinstance(one, str) for one in raw):
        return Alias(targets=tuple(raw))
    if not isinstance(raw, dict) or not raw or not all(isinstance(case, dict) and case for case in raw.values()):
        hint = f"{show(name)}: {{small: {{width: 64, depth: 2}}}}"
        raise UsageError(f"{where}: the alias {show(name)} is no mapping of cases to parameters", hint=hint)
    for case in raw.values():
        for target, value in case.items():
            check_value(target, value, where)
    return Alias({str(key): dict(case) for key, case in raw.items()})


def _resources(head: Document, what: str) -> tuple[str, ...]:
    raw = head.values.get("resource", [])
    raw = raw if isinstance(raw, list) else [raw]
    if not all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in raw):
        raise UsageError(f"{_where(what, head, 'resource')}: resource is no list of GPUs", hint='resource: [0, 1, "2,3"]')
    return tuple(str(one) for one in raw)


def _ignored(head: Document, what: str) -> tuple[str, ...]:
    raw = head.values.get("ignore", [])
    raw = raw if isinstance(raw, list) else [raw]
    if not all(isinstance(one, str) and one for one in raw):
        raise UsageError(f"{_where(what, head, 'ignore')}: ignore is no list of paths", hint='ignore: [docs, "*.md"]')
    return tuple(raw)


def _count(head: Document, key: str, most: int, what: str) -> int:
    """A whole number; 0, false or nothing for none."""
    value = head.values.get(key) or 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise UsageError(f"{_where(what, head, key)}: {key} is no whole number from 0 to {most}", hint=f"{key}: 3")
    return value


def _roles(head: Document, what: str) -> dict[str, str]:
    """`{lr: nuisance}` and `{nuisance: [lr, wd]}` say the same."""
    found: dict[str, str] = {}
    for key, value in _table(head, "roles", what).items():
        names, role = (value if isinstance(value, list) else [value], key) if key in ROLES else ([key], value)
        if role not in ROLES or not all(isinstance(name, str) for name in names):
            hint = "roles: {target: [norm], nuisance: [lr]}"
            raise UsageError(f"{_where(what, head, 'roles', key)}: {show(str(value))} is no role of {show(key)}", hint=hint)
        found.update(dict.fromkeys(names, role))
    return found


def _unknown(head: Document, what: str) -> Iterable[str]:
    for key in head.values:
        if key not in _KNOWN:
            close = difflib.get_close_matches(key, _KNOWN, n=1)
            more = f"; did you mean {close[0]}?" if close else ""
            yield f"{_where(what, head, key)}: {show(key)} means nothing in the first document{more}"


def _check(found: SweepFile, head: Document, others: Sequence[Document]) -> None:
    """What speaks of parameters speaks of those that there are."""
    common = set(found.defaults) | {name for alias in found.aliases.values() for name in alias.names}
    everywhere = common | {name for choice in found.choices for name in choice.names}
    if found.search is not None and found.search.is_adaptive and not found.metric:
        hint = "search: {sampler: tpe, trials: 50, metric: accuracy, direction: max}"
        raise UsageError(f"{found.search.where}: the search does not say for which metric", hint=hint)
    for condition in found.conditions:
        _known(condition.names, everywhere, _where(found.what, head, "constraints"))
    for name in found.roles:
        _known((name,), everywhere, _where(found.what, head, "roles", name))
    for choice in found.choices:
        conditions = [*choice.conditions, *(axis.when for axis in choice.axes if axis.when)]
        for condition in conditions:
            _known(condition.names, everywhere, choice.where)


def _known(names: Iterable[str], known: set[str], where: str) -> None:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise UsageError(
                f"{where}: there is no parameter {show(name)}", hint=f"{hint}a text stands in quotes: '{show(name)}'"
            )
