"""Reading `requirements.txt`: is every requirement in it pinned and hashed? Only then it is a lock."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.installed import normalized
from reprun.env.uv_lock import file_of, plain
from reprun.env.wheels import Wheel

NAME = "requirements.txt"
_DEEPEST = 20  # files that name each other
_HASH = re.compile(r"\s--hash[=\s]\s*(\S+)")
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
_COMMENT = re.compile(r"(^|\s)#.*")
_ADDRESS = re.compile(r"(https?|file)://\S+")
# Options that say where packages are looked for. What they mean is the business of pip.
_INDEX = {
    "-i": "--index-url", "--index-url": "--index-url", "--pypi-url": "--index-url", "--extra-index-url": "--extra-index-url",
    "-f": "--find-links", "--find-links": "--find-links",
}  # fmt: skip
_FLAGS = {"--no-index", "--pre", "--require-hashes", "--prefer-binary"}
_IGNORED = {"-c", "--constraint", "--no-binary", "--only-binary", "--trusted-host"}  # all is pinned, and only wheels are taken


@dataclass(frozen=True)
class Item:
    """A requirement: pinned to `version` where it is (else ""), with the SHA-256 of its files; `wheel` where it names one."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str = ""
    wheel: Wheel | None = None

    @property
    def is_locked(self) -> bool:
        """Whether it can be only what it was."""
        return bool(self.version or self.wheel) and bool(self.hashes)


@dataclass(frozen=True)
class Requirements:
    """The items of a file and of those that it names, the options for pip, and the `files` with their contents."""

    items: tuple[Item, ...]
    options: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...]

    @property
    def loose(self) -> list[str]:
        """The names of what is not pinned and hashed."""
        return [item.name for item in self.items if not item.is_locked]


def parse_requirements(path: str, read: Callable[[str], bytes | None]) -> Requirements:
    """The file at `path`, and what it names by `-r`; `read` gives a file of the snapshot, None for none.

    Raises `UsageError` for what is missing, outside of the repository, or nothing that pip would understand.
    """
    reader = _Reader(read)
    reader.read_file(path, "", 0)
    return Requirements(tuple(reader.items), tuple(dict.fromkeys(reader.options)), tuple(reader.files.items()))


def chosen(found: Requirements, markers: Mapping[str, str]) -> list[Item]:
    """What is wanted on a machine with these markers, each once. Raises `UsageError` for two versions of one package."""
    from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName

    full = {"extra": "", "platform_release": "", "platform_version": "", **markers}
    items: dict[str, Item] = {}
    for item in found.items:
        try:
            if item.marker and not Marker(item.marker).evaluate(full):
                continue
        except (UndefinedComparison, UndefinedEnvironmentName, RecursionError):
            raise UsageError(f"the marker of {show(item.name)} cannot be read: {show(item.marker[:200])}") from None
        known = items.setdefault(item.name, item)
        if known.version != item.version:
            raise UsageError(f"two versions of {show(item.name)} are required: {known.version} and {item.version}")
    return list(items.values())


class _Reader:
    def __init__(self, read: Callable[[str], bytes | None]) -> None:
        self.read = read
        self.items: list[Item] = []
        self.options: list[str] = []
        self.files: dict[str, bytes] = {}

    def read_file(self, path: str, named_by: str, depth: int) -> None:
        if path in self.files or depth > _DEEPEST:
            return
        if path.startswith(("/", "../")) or path == ".." or "\n" in path:
            raise UsageError(f"{show(named_by)} names {show(path)}, which is not in the repository", hint="put it there")
        data = self.read(path)
        if data is None:
            where = f", which {show(named_by)} names" if named_by else ""
            raise UsageError(f"{show(path)}{where} is not in the snapshot", hint=f"git check-ignore -v {show(path)} says why")
        self.files[path] = data
        for line in _lines(path, data):
            if line.startswith("-"):
                self._option(line, path, depth)
            elif line not in (".", "./"):  # the project itself, which comes from the worktree
                self.items.append(_item(line, path))

    def _option(self, line: str, path: str, depth: int) -> None:
        name, _, value = (part.strip() for part in re.sub(r"^(--?[\w-]+)[=\s]", "\\1\0", line, count=1).partition("\0"))
        if name in ("-r", "--requirement"):
            self.read_file(posixpath.normpath(posixpath.join(posixpath.dirname(path), value)), path, depth + 1)
        elif name in ("-e", "--editable"):
            if value.rstrip("/") != ".":
                raise UsageError(
                    f"{show(path)} wants {show(value)} as it lies somewhere", hint="only released wheels can be locked"
                )
        elif name in _INDEX:
            if not _ADDRESS.fullmatch(value):
                raise UsageError(
                    f"{show(path)} looks for packages in {show(plain(value))}, which is no address", hint="https://…"
                )
            self.options.append(f"{_INDEX[name]}={value}")
        elif name in _FLAGS:
            self.options += [name] if name in ("--no-index", "--pre") else []
        elif name not in _IGNORED:
            raise UsageError(f"{show(path)} has an option that is not known here: {show(line[:100])}", hint="take it out")


def _lines(path: str, data: bytes) -> Iterator[str]:
    """The lines without comments, those joined that end with a backslash."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{show(path)} is not text in UTF-8") from None
    joined: list[str] = []
    for raw in (*text.splitlines(), ""):
        line = raw if joined and raw.lstrip().startswith("#") else _COMMENT.sub("", raw)
        if joined and raw.lstrip().startswith("#"):
            line = ""
        joined.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            whole = " ".join(joined).strip()
            joined = []
            if whole:
                yield whole


def _item(line: str, path: str) -> Item:
    from packaging.requirements import InvalidRequirement, Requirement

    hashes = _HASH.findall(line)
    text = _HASH.sub("", line).strip()
    try:
        if " --" in text:
            raise InvalidRequirement("an option")
        found = Requirement(text)
    except (InvalidRequirement, RecursionError):
        raise UsageError(
            f"{show(path)} has a line that is no requirement: {show(plain(text)[:100])}", hint="NAME==VERSION --hash=sha256:…"
        ) from None
    digests = tuple(match[1] for match in map(_SHA256.fullmatch, hashes) if match)
    name = normalized(found.name)
    wheel = _direct(found, digests) if found.url else None
    return Item(name, _version(found), digests, str(found.marker or ""), wheel)


def _version(found: Any) -> str:
    pins = [one.version for one in found.specifier if one.operator in ("==", "===") and not one.version.endswith("*")]
    return str(pins[0]) if len(pins) == 1 and len(found.specifier) == 1 else ""


def _direct(found: Any, digests: tuple[str, ...]) -> Wheel | None:
    """A file that is named by its address: `NAME @ https://…whl`."""
    address = str(found.url)
    file = file_of(address)
    if not _ADDRESS.fullmatch(address) or not file.endswith(".whl") or len(digests) != 1:
        return None
    return Wheel(file, plain(address), digests[0])
