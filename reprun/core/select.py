"""Which runs are meant: the names of one (id, prefix, name, `@last~2`) and the filters of `reprun ls`."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.outcome import STATES
from reprun.core.text import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime as clock
    from typing import Any

_ID_SHAPE = "00000000-000000-xxxxxx"  # 0 stands for a digit, x for a digit or lower-case letter
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_OPERATORS = ("<=", ">=", "!=", "==", "<", ">", "=")
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Selector:
    """One RUN argument as typed. `kind` is `last`, `id` (a whole id), `prefix` (of an id, perhaps) or `name`.

    `back` counts from the newest run when `kind` is `last`; `text` is empty then.
    """

    kind: str
    text: str = ""
    back: int = 0


@dataclass(frozen=True)
class Where:
    """One `--where`: `lr=0.1`, `acc>0.9`, `model!=resnet`."""

    key: str
    op: str
    value: str

    def matches(self, config: Mapping[str, Any], metrics: Mapping[str, Any], seed: int | None) -> bool:
        """True when the first to know the key (config, last metrics, then the word `seed`) compares as asked.

        A run that does not know the key matches nothing, `!=` included.
        """
        if self.key in config:
            return _compare(config[self.key], self.op, self.value)
        if self.key in metrics:
            return _compare(metrics[self.key], self.op, self.value)
        return self.key == "seed" and seed is not None and _compare(seed, self.op, self.value)


@dataclass(frozen=True)
class Filter:
    """What `reprun ls` shows, newest first. Empty fields ask for nothing; `limit` 0 shows all.

    `name` may hold `*`, `?` and `[…]`; `commit` is a prefix; `since` is what `parse_since` makes; `target` is where they were
    launched.
    """

    name: str = ""
    state: str = ""
    commit: str = ""
    since: str = ""
    where: tuple[Where, ...] = ()
    limit: int = 20
    target: str = ""


def parse_selector(text: str) -> Selector:
    """Reads a RUN argument. Raises `UsageError` for an empty one and for `@` words but `@last`, `@last~N`."""
    if not text:
        raise UsageError("an empty RUN names no run", hint="give a run id, the beginning of one, a name or @last")
    if text.startswith("@"):
        word, tilde, count = text.partition("~")
        if word != "@last" or (tilde and not (count.isascii() and count.isdigit() and len(count) < 10)):
            raise UsageError(f"{show(text)} is not a way to name a run", hint="use @last, or @last~1 for the one before it")
        return Selector("last", back=int(count or 0))
    if not _is_id_prefix(text):
        return Selector("name", text)
    return Selector("id" if len(text) == len(_ID_SHAPE) else "prefix", text)


def is_reserved_name(text: str) -> bool:
    """True for a text that would be taken for something else: `@…`, an option, the beginning of an id."""
    return not text or text.startswith(("@", "-")) or _is_id_prefix(text)


def parse_where(text: str) -> Where:
    """Reads `key=value`, `key!=value`, `key<value`, `key<=value`, `key>value`, `key>=value`."""
    at = next((place for place, char in enumerate(text) if char in "=<>!"), len(text))
    op = next((op for op in _OPERATORS if text.startswith(op, at)), "")
    key, value = text[:at].strip(), text[at + len(op) :].strip()
    if not key or not op or (not value and op not in ("=", "==", "!=")):
        raise UsageError(
            f"--where {show(text)}: no condition",
            hint="write it as --where lr=0.1, 'acc>0.9' or 'optimizer.name!=sgd'",
        )
    return Where(key, "=" if op == "==" else op, value)


def parse_since(text: str, now: clock.datetime) -> str:
    """The moment meant by `2h`, `3d`, `2026-11-01` or an ISO time, in UTC as run ids begin.

    `now` must know its time zone; a date or time without a zone is in that one.
    """
    from datetime import datetime, timedelta, timezone  # 2 ms to import, and nothing else here needs it

    try:
        if text[-1:] in _UNITS and text[:-1].replace(".", "", 1).isdigit():
            moment = now - timedelta(seconds=float(text[:-1]) * _UNITS[text[-1]])
        else:
            moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=now.tzinfo)
        moment = moment.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since {show(text)} is not a time", hint="use 30m, 2h, 3d, 2w, 2026-11-01 or 2026-11-01T14:30"
        ) from None
    # Not strftime: it does not pad years before 1000, and these texts are compared as texts.
    day = f"{moment.year:04}{moment.month:02}{moment.day:02}"
    return f"{day}-{moment.hour:02}{moment.minute:02}{moment.second:02}"


def parse_state(text: str) -> str:
    """The state asked for by `--state`. Raises `UsageError` for a word that is no state."""
    if text not in STATES:
        raise UsageError(f"--state {show(text)}: no such state", hint=f"one of {', '.join(STATES)}")
    return text


def parse_commit(text: str) -> str:
    """The beginning of a commit id, as `--commit` takes it. Raises `UsageError` for what cannot be one."""
    if not text or len(text) > 64 or not _HEX.issuperset(text.lower()):
        raise UsageError(
            f"--commit {show(text)} is not the beginning of a commit id",
            hint="use its first hexadecimal digits",
        )
    return text.lower()


def _is_id_prefix(text: str) -> bool:
    """True when `text` could be the beginning of a run id, or all of it."""
    return 0 < len(text) <= len(_ID_SHAPE) and all(map(_fits, text, _ID_SHAPE))


def _fits(char: str, shape: str) -> bool:
    if shape == "-":
        return char == "-"
    return char.isascii() and (char.isdigit() or (shape == "x" and "a" <= char <= "z"))


def _compare(actual: Any, op: str, wanted: str) -> bool:
    if isinstance(actual, bool) or actual is None:
        words = {True: ("true",), False: ("false",), None: ("null", "none", "")}[actual]
        return (op == "=" and wanted.lower() in words) or (op == "!=" and wanted.lower() not in words)
    left, right = _number(actual), _number(wanted)
    if left is None or right is None:
        # An ordering between a number and a word has no meaning; between two words it has (dates, versions).
        if op not in ("=", "!=") and isinstance(actual, (int, float)):
            return False
        return _ordered(str(actual), op, wanted)
    if left != left or right != right:
        return op in ("=", "!=") and (op == "=") == (str(left) == str(right))
    return _ordered(left, op, right)


def _ordered(left: Any, op: str, right: Any) -> bool:
    results = {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    return bool(results[op])


def _number(value: Any) -> int | float | None:
    """The number that a value or a text stands for; whole numbers stay exact, `1_000` is a word."""
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, str) or "_" in value:
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return None
