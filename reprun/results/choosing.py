"""Which files of a run are brought, and which are only told of. The list comes from a host, which may be hostile."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from reprun.core.frozen import dataclass, field
from reprun.core.guarded import is_allowed

_RECORD = re.compile(r"manifest\.toml|config\.[a-z]+|outcome\.json|started\.json|(metrics|events)\.jsonl|(stdout|stderr)\.log")
_LONGEST = 255  # bytes of a name, on nearly every file system


@dataclass(frozen=True)
class Remote:
    """A file of a run as its host lists it. The name is bytes in Latin-1; `link` is what a link says, spelled likewise."""

    name: str
    kind: str
    size: int
    mtime_ns: int
    link: str = ""

    @property
    def path(self) -> str:
        """Its path in the folder of the run, as this machine spells what may be no text."""
        return self.name.encode("latin-1").decode("utf-8", "surrogateescape")

    @property
    def output(self) -> str:
        """How `show` and the patterns of a user call it: outputs without their folder."""
        return self.path.removeprefix("output/")


@dataclass(frozen=True)
class Wish:
    """What is wanted. `patterns` as in a .gitignore; with `outputs` unset only records; `max_size` in bytes, 0 for any;
    `without`: outputs that are none."""

    patterns: tuple[str, ...] = ()
    max_size: int = 0
    outputs: bool = True
    without: Collection[str] = ()


@dataclass(frozen=True)
class Choice:
    """`files` and `links` are brought; the others are told of, with the reason."""

    files: list[Remote] = field(default_factory=list)
    links: list[Remote] = field(default_factory=list)
    left: list[tuple[Remote, str]] = field(default_factory=list)


def parse_remote(entry: object) -> Remote | None:
    """One line of the list; None for one that cannot be."""
    if not (isinstance(entry, list) and len(entry) == 5):
        return None
    name, kind, size, mtime_ns, link = entry
    texts = all(isinstance(text, str) and _is_latin(text) for text in (name, kind, link))
    numbers = all(isinstance(number, int) and 0 <= number < 1 << 63 for number in (size, mtime_ns))
    return Remote(name, kind, size, mtime_ns, link) if texts and numbers else None


def choose(found: Iterable[Remote], wish: Wish) -> Choice:
    """Sorts what is there by what is wished. What lies outside of the places where files of a run are is left."""
    choice = Choice()
    for item in found:
        is_record = _RECORD.fullmatch(item.name) is not None
        if not is_record and (not wish.outputs or item.path in wish.without):
            continue
        if not is_record and wish.patterns and not is_allowed(item.output, wish.patterns):
            continue
        why = _problem(item, is_record, wish.max_size)
        if why:
            choice.left.append((item, why))
        else:
            (choice.links if item.kind == "link" else choice.files).append(item)
    return choice


def _problem(item: Remote, is_record: bool, max_size: int) -> str:
    """Why a file is not brought; empty for one that is."""
    parts = item.name.split("/")
    is_small = is_record and not item.name.endswith(".log")  # without these the rest says nothing
    if not is_record and (len(parts) < 2 or parts[0] not in ("output", "tree")):
        return "no folder of outputs" if item.name in ("output", "tree") else "no place for a file of a run"
    if any(part in ("", ".", "..") or "\0" in part or len(part) > _LONGEST for part in parts):
        return "no name for a file"
    if item.kind == "link":
        return "" if not is_record and leads_inside(parts, item.link) else f"a link to {_text(item.link)}"
    if item.kind != "file":
        return "no regular file"
    return "larger than --max-size" if not is_small and max_size and item.size > max_size else ""


def leads_inside(parts: list[str], link: str) -> bool:
    """True for a link that stays in the folder of outputs, whatever other links of this kind it goes through.

    It may only begin with `..`: behind the name of another link `..` would be the folder that this one leads to.
    """
    if not link or link.startswith("/") or "\0" in link:
        return False
    steps = [step for step in link.split("/") if step not in ("", ".")]
    up = next((at for at, step in enumerate(steps) if step != ".."), len(steps))
    return ".." not in steps[up:] and up <= len(parts) - 2


def _is_latin(text: str) -> bool:
    return all(ord(char) < 256 for char in text)


def _text(latin: str) -> str:
    return latin.encode("latin-1").decode("utf-8", "surrogateescape")
