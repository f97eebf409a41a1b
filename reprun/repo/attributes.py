"""Git's attributes: the files that they stand in besides the tree, and what they make of each path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.repo.git_config import Settings, system_folders, user_attributes
from reprun.repo.listing import path_lines
from reprun.system.files import find_bytes
from reprun.system.process import Git

_NAMES = ("text", "crlf", "eol", "ident", "working-tree-encoding", "filter")
_MATTERS = rb"\[attr\]|\b(?:text|crlf|eol|ident|working-tree-encoding|filter|binary)\b"
_UNSET = ("unspecified", "unset")


@dataclass(frozen=True)
class OutsideAttributes:
    """The lines that matter of the files that are not in the tree: `info` beats the tree's, `user` is beaten by them."""

    info: str = ""
    user: str = ""


def read_outside(common_dir: str, attributes_file: str = "") -> OutsideAttributes:
    """Reads `info/attributes`, the user's file and the machine's. Raises `RefusedError` for one that is not UTF-8."""
    user = "".join(_lines(f"{folder}/gitattributes") for folder in system_folders())
    return OutsideAttributes(_lines(f"{common_dir}/info/attributes"), user + _lines(attributes_file or user_attributes()))


def _lines(path: str) -> str:
    data = find_bytes(path)
    if data is None:
        return ""
    lines = [line for line in data.splitlines() if line.strip() and not line.lstrip().startswith(b"#")]
    if not any(re.search(_MATTERS, line) for line in lines):
        return ""  # most such files choose a diff driver
    if not any(line.lstrip().startswith(b"[attr]") for line in lines):  # names of such macros matter too
        lines = [line for line in lines if re.search(_MATTERS, line)]
    try:
        return "".join(line.decode("utf-8") + "\n" for line in lines)
    except UnicodeDecodeError:
        raise RefusedError(
            f"the attributes in {show(path)} are not UTF-8, so they cannot be recorded", hint="write them in UTF-8"
        ) from None


def sort_paths(git: Git, settings: Settings, paths: list[str], *options: str) -> dict[str, str]:
    """path → what git does with it: `eol` (line endings on the way in), `crlf` (and out), `bytes` (anything else that git
    itself does), `lfs`, `filter NAME`; a path that git leaves alone is not in it."""
    said = git.run("check-attr", "-z", "--stdin", *options, *_NAMES, stdin=path_lines(paths)).stdout
    values = said.split(b"\0")[2::3]
    known: dict[tuple[bytes, ...], str] = {}
    found = {}
    for number, path in enumerate(paths):
        attributes = tuple(values[number * len(_NAMES) : (number + 1) * len(_NAMES)])
        kind = known.get(attributes)
        if kind is None:
            kind = known[attributes] = _kind(settings, [os.fsdecode(value) for value in attributes])
        if kind:
            found[path] = kind
    return found


def _kind(settings: Settings, values: Iterable[str]) -> str:
    text, crlf, eol, ident, encoding, filter_ = values
    if filter_ == "lfs":
        return "lfs"
    if filter_ in settings.filters:
        return f"filter {filter_}"
    if ident == "set" or encoding not in (*_UNSET, "set", ""):
        return "bytes"
    return _line_endings(settings, crlf if text == "unspecified" else text, eol)


def _line_endings(settings: Settings, text: str, eol: str) -> str:
    """As convert_attrs() in git's convert.c; an unknown value counts as unspecified there."""
    if text == "unset":
        return ""
    if eol in ("lf", "crlf"):
        return "crlf" if eol == "crlf" else "eol"
    if text == "input":
        return "eol"
    if text in ("set", "auto"):
        return "crlf" if settings.autocrlf == "true" or (settings.eol and not settings.autocrlf) else "eol"
    return {"true": "crlf", "input": "eol"}.get(settings.autocrlf, "")
