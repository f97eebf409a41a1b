"""From what a user types to the one run that is meant."""

from __future__ import annotations

from reprun.core.errors import NotFoundError, UsageError
from reprun.core.select import Selector, parse_selector
from reprun.core.text import show
from reprun.store.index import Index
from reprun.store.rows import Row

_SHOWN = 5  # of the runs that an ambiguous prefix could mean
_NAMES = 2000  # names looked through for one that is spelled nearly the same


def get_run(index: Index, text: str) -> Row:
    """The run that `text` names: an id, the beginning of one, a name (its newest run), `@last`, `@last~2`.

    Raises `NotFoundError` when there is none and `UsageError` when the beginning of an id fits several.
    """
    selector = parse_selector(text)
    if selector.kind == "last":
        row = index.find_last(selector.back)
    elif selector.kind == "prefix":
        row = _find_prefix(index, selector) or _find_named(index, text)
    elif selector.kind == "id":
        row = index.find(text)
    else:
        row = _find_named(index, text)
    if row is None:
        raise _not_found(index, selector, text)
    return row


def _find_named(index: Index, name: str) -> Row | None:
    return next(iter(index.named(name, 1)), None)


def _find_prefix(index: Index, selector: Selector) -> Row | None:
    rows = index.prefix(selector.text, _SHOWN + 1)
    if len(rows) > 1:
        shown = ", ".join(row.run_id for row in rows[:_SHOWN])
        more = ", …" if len(rows) > _SHOWN else ""
        raise UsageError(
            f"several runs begin with {selector.text}: {shown}{more}",
            hint="type more of the id, or @last for the newest",
        )
    return rows[0] if rows else None


def _not_found(index: Index, selector: Selector, text: str) -> NotFoundError:
    if selector.kind == "last":
        count = index.count()
        return NotFoundError(
            f"there is no run {text}: this repository has {count or 'no'} run{'s' * (count != 1)}",
            hint="reprun ls",
        )
    hint = "reprun ls"
    if selector.kind == "name":
        import difflib  # only on the way to an error

        close = difflib.get_close_matches(text, index.names(_NAMES), n=3, cutoff=0.6)
        if close:
            hint = f"did you mean {' or '.join(map(show, close))}? reprun ls shows all"
    return NotFoundError(f"no run is called {show(text)}", hint=hint)
