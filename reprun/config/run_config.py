"""The config of a run: a file, the `--set` options and the seed become one text for the job."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Sequence
from itertools import islice
from typing import Any

from reprun.config.formats import format_of, parse, parse_value, render
from reprun.config.reading import read_text
from reprun.core.dotted import assign, find, flatten
from reprun.core.errors import UsageError
from reprun.core.placeholders import RESERVED, names_in
from reprun.core.spec import ConfigRecord
from reprun.core.text import is_recordable, show

_SEED_KEYS = ("seed", "seeds", "seeds.root")


def read_run_config(
    path: str | None, sets: Sequence[str], seed: int | None, argv: Sequence[str], source: str = ""
) -> ConfigRecord | None:
    """As `resolve`, for the file at `path`; `source` is how the record and the errors name it."""
    if path is None:
        return resolve(None, None, sets, seed, argv)
    source = source or path
    format_of(source)  # a name that cannot be a config is an error even when there is no such file
    return resolve(source, read_text(path, source), sets, seed, argv)


def resolve(
    source: str | None, text: str | None, sets: Sequence[str], seed: int | None, argv: Sequence[str]
) -> ConfigRecord | None:
    """The config that the job gets, None when there is neither a file nor a `--set`.

    The text of the file stays as it is, to the byte, unless a `--set` or the seed changes a value. Then the
    values are written anew in the file's format. Raises `UsageError` for a `--set` that nothing would use.
    """
    if source is None and not sets:
        return None
    fmt = "yaml" if source is None else format_of(source)
    written = {} if source is None else parse(text or "", fmt, source)
    values = copy.deepcopy(written)
    assigned = _split(sets)
    for key, (value, adds) in assigned.items():
        if not adds:
            _check_used(key, written, source, argv)
        assign(values, key, value)
    _apply_seed(values, seed, assigned)
    # Compared by form: 1, 1.0 and true are equal to Python and different to the job.
    if text is None or repr(values) != repr(written):
        text = render(values, fmt)
    return ConfigRecord(source or "", fmt, tuple(sets), text, values)


def _split(sets: Sequence[str]) -> dict[str, tuple[Any, bool]]:
    """The options by key: the value, and whether the key may be new (`+key=value`)."""
    result: dict[str, tuple[Any, bool]] = {}
    for item in sets:
        if not is_recordable(item):
            raise UsageError(f"--set {show(item)} holds a NUL or a character that is not valid Unicode")
        key, equals, value = item.partition("=")
        adds, key = key.startswith("+"), key.removeprefix("+")
        if not equals or not key:
            raise UsageError(f"--set {show(item)} is not of the form key=value", hint="for example --set lr=0.1")
        if key in result:
            raise UsageError(f"--set {show(key)} is given twice", hint="keep the one that you mean")
        result[key] = parse_value(value, f"--set {show(key)}"), adds
    return result


def _check_used(key: str, written: dict[str, Any], source: str | None, argv: Sequence[str]) -> None:
    names = names_in(argv)
    from_config = names - set(RESERVED) | (names & {"seed"})  # {seed} is the config's seed when it has one
    in_command = any(name == key or name.startswith(f"{key}.") for name in from_config)
    if in_command or find(written, key)[0] or (source is None and "config" in names):
        return
    shown = show(key)
    if source is None:
        why = f"there is no config file, and the command has neither {{config}} nor {{{shown}}}"
        hint = f"add --config FILE, or put {{{shown}}} into the command"
    else:
        why = f"{show(source)} has no such key"
        hint = f"{_close_hint(key, written)}to add a new key write --set +{shown}=value"
    raise UsageError(f"unused --set {shown}: {why}", hint=_seed_hint(key) + hint)


def _seed_hint(key: str) -> str:
    return "the seed of the run is --seed N; " if key in _SEED_KEYS else ""


def _close_hint(key: str, written: dict[str, Any]) -> str:
    known = list(islice(flatten(written), 5000))  # a hint must not take seconds
    close = difflib.get_close_matches(key, known, n=1)
    last = key.rpartition(".")[2]
    close = close or [path for path in known if path.rpartition(".")[2] == last]
    return f"did you mean {show(close[0])}? " if close else ""


def _apply_seed(values: dict[str, Any], seed: int | None, assigned: dict[str, tuple[Any, bool]]) -> None:
    """`--seed` wins over the config's seed, in the config too: the job and the manifest must agree."""
    if seed is None:
        return
    for key in _SEED_KEYS:
        found, value = find(values, key)
        if not found or isinstance(value, (dict, list)):  # seeds that are the job's own affair
            continue
        if key in assigned and value != seed:
            raise UsageError(f"--set {key}={value} and --seed {seed} differ", hint="give one of them")
        assign(values, key, seed)
