"""Templates of commands: `{param}` becomes its value, `[param]` the option `--param value`.

A template is cut into words before anything is put in, so that a value is always a part of one word. One that needs a shell
(`|`, `&&`, `>`, `$HOME`, …) becomes a script for bash (`filling`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reprun.core.frozen import dataclass

_PLACE = r"(?<!\$)\{(?P<value>[\w\-]+)\}|\[(?P<flag>[\w\-]+)\]"
_SPECIAL = set("|&;<>()$`*?~#[]{}!\n")
_KEYWORDS = {
    "if", "for", "while", "until", "case", "cd", "export", "source", ".", "exec", "set", "ulimit", "eval", "trap", "unset",
    "time", "umask", "alias", "function", "select", "wait", "declare", "shopt", ":", "type", "command", "builtin", "pushd",
}  # fmt: skip
_IN_QUOTES = '$`"\\'  # what a backslash takes its meaning from in double quotes


@dataclass(frozen=True)
class Piece:
    """A character of a template, `text`, or a parameter: `name`, to be filled in as its value or, with `flag`, as an option.

    `quote` is the quote that it stands in; in `arithmetic` bash would calculate with it. `literal` is what a shell makes of the
    text: nothing of a quote, the character itself of one after a backslash.
    """

    text: str = ""
    name: str = ""
    flag: bool = False
    quote: str = ""
    arithmetic: bool = False
    literal: str = ""
    special: bool = False


def one_line(template: str) -> str:
    """The template with its line breaks as spaces, as mlrunner reads it."""
    return re.sub(r"\s*\n\s*", " ", template).strip()


def names_in(template: str) -> set[str]:
    """The parameters that a template asks for."""
    return {match["value"] or match["flag"] for match in re.finditer(_PLACE, template)}


def scan(template: str) -> Iterator[Piece]:
    """The template of one line, piece by piece, with the quote that each stands in."""
    place, contexts, index = re.compile(_PLACE), [""], 0
    while index < len(template):
        char, quote = template[index], contexts[-1]
        quoted = quote if quote in ("'", '"') else ""
        match = place.match(template, index)
        if match:
            name = match["value"] or match["flag"]
            yield Piece(match[0], name, match["value"] is None, quoted, arithmetic="((" in contexts)
            index = match.end()
            continue
        text, literal, special = char, char, False
        if char == "\\" and quoted != "'" and index + 1 < len(template) and not place.match(template, index + 1):
            text = template[index : index + 2]
            literal = text if quoted and text[1] not in _IN_QUOTES else text[1]
        elif char == "\\" and quoted != "'":
            literal = ""
        elif quoted:
            special = quoted == '"' and char in "$`"
            literal = "" if char == quoted else char
            _move(contexts, template, index, quoted)
        else:
            special = char in _SPECIAL
            literal = "" if char in "'\"" else char
            _move(contexts, template, index, quoted)
        yield Piece(text, quote=contexts[-1] if contexts[-1] in ("'", '"') else quoted, literal=literal, special=special)
        index += len(text)


def _move(contexts: list[str], template: str, index: int, quoted: str) -> None:
    """Enters or leaves a quote, or a command in `$(…)` or backticks, in which quotes begin anew."""
    char = template[index]
    if quoted == "'":
        if char == "'":
            contexts.pop()
    elif char == '"' and quoted:
        contexts.pop()
    elif char == "`":
        if "`" in contexts:
            del contexts[contexts.index("`") :]
        else:
            contexts.append("`")
    elif char == "(" and (not quoted or template[index - 1 : index] == "$"):
        contexts.append("((" if template[index + 1 : index + 2] == "(" or contexts[-1] == "((" else "(")
    elif char == ")" and contexts[-1] in ("(", "(("):
        contexts.pop()
    elif char in "'\"" and not quoted:
        contexts.append(char)


def needs_shell(template: str) -> bool:
    """Whether only a shell can run the template as it is meant."""
    pieces = list(scan(template))
    if any(piece.special for piece in pieces) or _is_open(pieces):
        return True
    first = template.split(" ", 1)[0]
    return first in _KEYWORDS or re.match(r"[A-Za-z_]\w*\+?=", first) is not None


def _is_open(pieces: list[Piece]) -> bool:
    """A quote without its end: the shell says what is wrong with it."""
    quotes = [piece.text for piece in pieces if not piece.name and piece.literal == "" and piece.text in "'\""]
    return len(quotes) % 2 == 1


def words_of(template: str) -> list[list[Piece]]:
    """The words of a template that needs no shell: texts, as they are meant, and parameters."""
    words: list[list[Piece]] = []
    open_word = False
    for piece in scan(template):
        if not piece.name and not piece.quote and piece.text.isspace():
            open_word = False
            continue
        if not open_word:
            words.append([])
            open_word = True
        words[-1].append(piece)
    return words
