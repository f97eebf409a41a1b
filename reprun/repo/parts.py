"""The repositories that a dev tree is made of: its own, and its submodules as deep as they go. Each is looked at by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from reprun.core.frozen import dataclass, field, replace
from reprun.repo.discover import Repository
from reprun.repo.flags import clear_flags
from reprun.repo.index_copy import looking_again, replaces_objects, scratch_index
from reprun.repo.listing import Additions, Listing, apply, ask_listing, read_listing, sort_out
from reprun.repo.parent import Parent, ask_parent
from reprun.repo.states import CONFLICT, as_on_disk, find_operation, refuse_conflict
from reprun.repo.tree_diff import Entry, comparing
from reprun.system.clock import ticks
from reprun.system.process import Git


@dataclass
class Part:
    """One repository of the dev tree, with `git` at a scratch index of it. `prefix` is where it lies: empty, or `libs/sub/`.

    `listing` is what git found when it last looked, `flagged` what it found first, `before` the second in which that began.
    `operation` is the merge or rebase that is not finished, `inner` are the paths of the submodules in it that are parts too.
    `added` are the files that went into the scratch index when that took one try, `index_state` the user's index at that time.
    """

    repository: Repository
    prefix: str
    git: Git
    parent: Parent
    listing: Listing
    flagged: Listing
    before: int
    operation: str = ""
    inner: list[str] = field(default_factory=list)
    tree: str = ""
    added: dict[str, os.stat_result] | None = None
    index_state: tuple[int, ...] = ()

    @property
    def writing(self) -> Git:
        """Git for what writes objects: it does not see those of a submodule, because it would touch the ones that it needs."""
        return self.git.at(GIT_ALTERNATE_OBJECT_DIRECTORIES="") if self.prefix else self.git

    def write_tree(self) -> str:
        """The tree of the scratch index. The blobs of a submodule are brought later, when it is sure that they are wanted."""
        return self.writing.text("write-tree", *(["--missing-ok"] if self.prefix else []))


@dataclass(frozen=True)
class Opening:
    """How the parts are opened: scratch indexes are called `name` and lie in `folder`; `during_operation` as in a `Wish`."""

    name: str
    folder: str
    during_operation: bool = False


@contextmanager
def opened_part(repository: Repository, prefix: str, opening: Opening, where: Mapping[str, str]) -> Iterator[Part]:
    """Looks at one repository for the first time. `where` is added to its git."""
    operation = find_operation(repository, opening.during_operation)
    look, since = _first_look(repository)
    with scratch_index(repository, opening.name, opening.folder) as scratch:
        git = scratch.at(**where)
        before = _second_of(opening.folder, since)
        with ask_parent(repository) as parent:  # git reads the commit while the files are looked through
            listing = look()
        flagged = listing
        if not opening.during_operation:
            refuse_conflict(listing)
        if clear_flags(git, repository, flagged) or replaces_objects(repository):
            listing = read_listing(git, ask_listing(git))
        if listing.unmerged:
            operation = operation or CONFLICT
            listing = as_on_disk(repository, listing)
        yield Part(repository, prefix, git, parent, listing, flagged, before, operation)


def _first_look(repository: Repository) -> tuple[Callable[[], Listing], float]:
    """The look that was asked for before the rest of us was loaded, or a new one; and when it began."""
    early = repository.asked
    if early is not None and early.looks is not None:
        return early.looks.first, early.since
    since = ticks()
    asked = ask_listing(repository.git)
    return lambda: read_listing(repository.git, asked), since


def _second_of(folder: str, since: float) -> int:
    """The second of `since` on the clock that file times come from: a file server, or a clock that was set, may differ from ours.

    `folder` is where the scratch index was just made.
    """
    return int(os.stat(folder).st_ctime - (ticks() - since))


@contextmanager
def opened_parts(repository: Repository, opening: Opening) -> Iterator[list[Part]]:
    """All parts of the dev tree, the outermost first and each before those inside it."""
    with opened_part(repository, "", opening, {}) as outer:
        if not outer.listing.links:
            yield [outer]
            return
        from reprun.repo.submodules import open_submodules

        with ExitStack() as stack:
            yield [outer, *open_submodules(stack, outer, opening)]


@contextmanager
def looking_at_all_again(parts: list[Part]) -> Iterator[None]:
    """Lets git look at all parts again, beside the block; then their listings hold what is not as it was found and added."""
    with ExitStack() as stack:
        looks = [stack.enter_context(looking_again(part.git, part.before)) for part in parts]
        yield
    for part, look in zip(parts, looks, strict=True):
        part.listing = look[0]


@contextmanager
def comparing_all(parts: list[Part]) -> Iterator[list[Entry]]:
    """Fills the list with what differs from the commits that the parts are at, beside the block."""
    entries: list[Entry] = []
    with ExitStack() as stack:
        found = [stack.enter_context(comparing(part.git, part.parent.tree)) for part in parts]
        yield entries
    for part, differing in zip(parts, found, strict=True):
        entries += differing if not part.prefix else [replace(one, path=part.prefix + one.path) for one in differing]


def sort_out_all(parts: list[Part]) -> list[Additions]:
    """What is to be added to each part."""
    found = []
    for part in parts:
        with inside(part.prefix):
            found.append(sort_out(part.repository.top, part.listing))
    return found


def apply_all(parts: list[Part], additions: list[Additions]) -> None:
    """Brings all scratch indexes up to date."""
    for part, addition in zip(parts, additions, strict=True):
        with inside(part.prefix):
            apply(part.writing, addition)


def together(parts: list[Part], additions: list[Additions]) -> Additions:
    """The additions to all parts as one, with the paths as they are in the dev tree."""
    if len(parts) == 1:
        return additions[0]
    files = {part.prefix + path: stats for part, one in zip(parts, additions, strict=True) for path, stats in one.files.items()}
    return Additions(files, [], [])


def new_in(parts: list[Part]) -> Iterable[str]:
    """The paths that no index knew when git last looked."""
    return [part.prefix + path for part in parts for path in part.listing.new]


def find_moved(parts: list[Part]) -> list[str]:
    """The paths that were not at rest between the last two looks."""
    moved = []
    for part in parts:
        left = part.listing
        moved += [part.prefix + path for path in sorted({*left.new, *left.changed, *left.gone})]
    if len(parts) > 1 or parts[0].listing.links:
        from reprun.repo.submodules import find_moved_submodules

        moved += find_moved_submodules(parts)
    return moved


@contextmanager
def inside(prefix: str) -> Iterator[None]:
    """Says of refusals in which submodule they are."""
    if not prefix:
        yield
        return
    from reprun.repo.submodules import naming

    with naming(prefix):
        yield
