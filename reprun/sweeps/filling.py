"""A stage of a task as a command: the words that run, and the line that a person reads.

In a script a value is never text. It is an argument of the script, which holds `"${1}"` in its place, so that whatever is in the
value is not read by bash. The placeholders of `launch` are arguments too.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.placeholders import RESERVED, fill
from reprun.core.text import show
from reprun.sweeps.template import Piece, needs_shell, one_line, scan, words_of
from reprun.sweeps.values import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OWN = ("_output", "_name", "_time")
_BASH = ("bash", "-c")
_QUOTED = {"": '"%s"', '"': "%s", "'": "'\"%s\"'"}
_BRACED = r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\}"


@dataclass(frozen=True)
class Later:
    """A placeholder of `launch`, which is filled on the target."""

    name: str


_Part = str | Later


@dataclass(frozen=True)
class Command:
    """`argv` is what a run is launched with, placeholders of `launch` in it; `shown` the line that mlrunner would run."""

    argv: tuple[str, ...]
    shown: str


class Filler:
    """Fills the template of one stage. `where` is its place in the file, for errors."""

    def __init__(self, template: str, where: str) -> None:
        self.template, self.where = one_line(template), where
        self.is_script = needs_shell(self.template)
        self._pieces = list(scan(self.template))
        self._words = [] if self.is_script else words_of(self.template)
        self.names = {piece.name for piece in self._pieces if piece.name}
        computed = next((piece.name for piece in self._pieces if piece.arithmetic and piece.name), "")
        if computed:
            hint = "give the result as a parameter of its own"
            raise UsageError(f"{where}: {{{show(computed)}}} stands where bash calculates, and would be read as code", hint=hint)

    def fill(self, params: Mapping[str, Any], own: Mapping[str, str], optional: set[str]) -> Command:
        """The command for these parameters. `own` has the texts of `_name` and `_time`, and the folder to show as `_output`.

        Parameters in `optional` may be missing where they are options. Raises `UsageError` for what is left unfilled.
        """
        missing = [piece.text for piece in self._pieces if self._unfilled(piece, params, optional)]
        if missing:
            names = ", ".join(show(text) for text in dict.fromkeys(missing))
            raise UsageError(
                f"{self.where}: nothing fills {names}", hint="give it a value under default, or in the choices: NAME: [1, 2]"
            )
        places = _Places(params, own)
        argv = self._script(places) if self.is_script else self._plain(places)
        return Command(tuple(argv), "".join(places.shown(piece) for piece in self._pieces))

    def _unfilled(self, piece: Piece, params: Mapping[str, Any], optional: set[str]) -> str:
        name = piece.name
        if not name or name in params or name in OWN or (piece.flag and name in optional):
            return ""
        return "" if name in RESERVED and not piece.flag else name

    def _plain(self, places: _Places) -> list[str]:
        words: list[list[_Part]] = []
        for pieces in self._words:
            word: list[_Part] = []
            for piece in pieces:
                parts = places.parts(piece) if piece.name else [piece.literal]
                if piece.name and piece.quote:
                    word.extend(part for index, one in enumerate(parts) for part in ((" ", one) if index else (one,)))
                    continue
                for index, part in enumerate(parts):
                    if index:
                        words.append(word)
                        word = []
                    word.append(part)
            if word:
                words.append(word)
        return [self._joined(word) for word in words]

    def _script(self, places: _Places) -> list[str]:
        arguments: list[list[_Part]] = []
        script = ""
        for piece in self._pieces:
            if not piece.name:
                script += piece.text
                continue
            parts = places.parts(piece)
            words = [str(part) for part in parts]
            if parts and not (piece.flag and len(parts) == 1):
                arguments.append([parts[-1]])
                words[-1] = _QUOTED[piece.quote] % f"${{{len(arguments)}}}"
            script += " ".join(words)
        return [*_BASH, self._joined([script]), "reprun", *(self._joined(one) for one in arguments)]

    def _joined(self, word: list[_Part]) -> str:
        """The word for `fill`, which puts in exactly what is meant: texts as they are, and its own placeholders."""
        texts = "".join("\0" + part.name + "\0" if isinstance(part, Later) else part for part in word)
        found = "".join(
            f"{{{part}}}" if index % 2 else re.sub(_BRACED, r"{{\1}}", part) for index, part in enumerate(texts.split("\0"))
        )
        marks = {name: f"\0{name}\0" for name in RESERVED}
        if fill([found], marks, None) != [texts]:
            hint = "put a character between the braces and the parameter"
            raise UsageError(f"{self.where}: the braces around a parameter cannot be told from a placeholder", hint=hint)
        return found


class _Places:
    """What stands in for parameters."""

    def __init__(self, params: Mapping[str, Any], own: Mapping[str, str]) -> None:
        self.params, self.own = params, own

    def parts(self, piece: Piece) -> list[_Part]:
        """The words that a piece becomes: `--lr` and `0.1`, or only the value; none for an option that is off or missing."""
        name = piece.name
        raw = self.params.get(name)
        if piece.flag and (raw is None or isinstance(raw, bool)) and name not in OWN:
            return [f"--{name}"] if raw else []
        value: _Part
        if name in self.params:
            value = text_of(raw)
        elif name in self.own and name != "_output":
            value = self.own[name]
        else:
            value = Later("output" if name == "_output" else name)
        return [f"--{name}", value] if piece.flag else [value]

    def shown(self, piece: Piece) -> str:
        """The piece in the line that mlrunner would run."""
        if not piece.name:
            return piece.text
        raw = self.params.get(piece.name, self.own.get(piece.name))
        if raw is None:
            return "" if piece.flag else f"{{{piece.name}}}"
        if piece.flag and isinstance(raw, bool):
            return f"--{piece.name}" if raw else ""
        text = shlex.quote(raw) if isinstance(raw, str) else str(raw)
        return f"--{piece.name} {text}" if piece.flag else text
