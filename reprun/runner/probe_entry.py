"""What a Python command runs: a script, a module or code; and how a program is started by that interpreter in its stead."""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional, Sequence

from reprun.runner.interpreter import which
from reprun.runner.probe import Context

_LETTERS = frozenset("bBdEIOPqRsSuvx")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


class Entry(NamedTuple):
    """`python` and its `options` come before the entry, `args` after it."""

    python: str
    options: List[str]
    kind: str
    name: str
    args: List[str]


def find_entry(context: Context) -> Optional[Entry]:
    """The entry of the job; None where it is not plainly one of Python."""
    words = context.words
    if context.interpreter is None or not words:
        return None
    if os.path.basename(words[0]).startswith("python"):
        found = which(words[0], context.env, context.cwd)
        return _parse(context.interpreter, words[1:]) if found == context.interpreter else None
    path = which(words[0], context.env, context.cwd)
    if path is None or not os.path.realpath(path).startswith(os.path.realpath(context.tree) + os.sep):
        return None
    return Entry(context.interpreter, [], "script", path, list(words[1:])) if _names_python(path) else None


def _parse(python: str, words: Sequence[str]) -> Optional[Entry]:
    options: List[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word in _WITH_VALUE:
            options += [word, *left[:1]]
            left = left[1:]
        elif word.startswith(("-W", "-X", "--check-hash-based-pycs=")):
            options.append(word)
        elif word[:1] != "-":
            return Entry(python, options, "script", word, left)
        else:
            return _parse_letters(python, options, word, left)
    return None


def _parse_letters(python: str, options: List[str], word: str, left: List[str]) -> Optional[Entry]:
    """`-u`, `-um module`, `-c code`: one letter after the other."""
    for at, letter in enumerate(word[1:], 1):
        if letter in "mc":
            rest = [word[at + 1 :]] if word[at + 1 :] else []
            value = [*rest, *left][:1]
            return Entry(python, options, {"m": "module", "c": "code"}[letter], value[0], [*rest, *left][1:]) if value else None
        if letter not in _LETTERS:
            return None
        options.append("-" + letter)
    rest_of = _parse(python, left) if len(word) > 1 else None
    return rest_of._replace(options=[*options, *rest_of.options]) if rest_of else None


def _names_python(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return False
    return first.startswith(b"#!") and b"python" in first
