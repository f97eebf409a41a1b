"""The snapshot of a dev tree that is as it was at the last one: two looks say so, and nothing is hashed, guarded or written anew.

A dozen runs of one state are the usual thing. What was looked at by the guard under these rules is known file by file, by the
stats that git itself relies on; files whose time is too young for that are read by git (see `looking_again`).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from reprun import __version__
from reprun.core.frozen import replace
from reprun.core.spec import Snapshot
from reprun.core.text import show
from reprun.repo import refs
from reprun.repo.direct import has_ref, is_plain
from reprun.repo.discover import Repository
from reprun.repo.git_at_work import find_busy, index_state
from reprun.repo.git_config import may_set_conversions, read_attributes
from reprun.repo.last import Last, find_last, is_whole, keep_last, name_of, user_index
from reprun.repo.states import find_operation
from reprun.repo.wish import Wish
from reprun.runner.digests import sha256
from reprun.runner.files import find_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reprun.repo.parts import Part


def find_same(repository: Repository, wish: Wish) -> Snapshot | None:
    """The last snapshot under a ref of this run, when the dev tree is as it was then; None when it has to be looked at in full.

    The first look says that the user's index, and what is ignored, mean what they meant, the second that each file is as it was.
    Between them lies a moment at which all was as it was then.
    """
    asked = repository.asked
    if asked is None or asked.looks is None or asked.looks.last is None or not _is_usual(repository, wish):
        return None
    find_operation(repository, wish.during_operation)
    looks, last, before = asked.looks, asked.looks.last, index_state(repository)
    if last.key != _key(repository, wish) or not looks.agree() or not _still(repository, last):
        return None
    if find_busy(repository, before):
        return None
    return _again(repository, wish, last)


def keep(part: Part, wish: Wish, snapshot: Snapshot) -> None:
    """Remembers a snapshot for `find_same`, where nothing but its files decided about it."""
    repository, found = part.repository, part.flagged
    odd = found.assumed or found.skipped or found.unmerged or found.links or found.attributes or snapshot.conversions
    if part.added is None or odd or not _is_usual(repository, wish):
        return
    index = part.git.where["GIT_INDEX_FILE"] + ".check"  # dated so that git reads again what may have been written since
    with suppress(OSError):  # a memo harms nothing where it is missing
        data = find_bytes(index)
        listing = [found.new, found.changed, found.gone]
        key, state = _key(repository, wish), user_index(repository.git_dir)
        memo = {"user_index": state, "listing": listing, "key": key, "snapshot": vars(snapshot)}
        if data is not None and index_state(repository) == part.index_state:
            keep_last(repository.state_dir, index, name_of(data), memo, part.added)


def _is_usual(repository: Repository, wish: Wish) -> bool:
    is_simple = wish.auto_commit == "ref" and not wish.require_clean and not wish.during_operation
    return is_simple and is_plain(repository) and not may_set_conversions(repository.config_texts)


def _key(repository: Repository, wish: Wish) -> str:
    """Names all that a snapshot depends on besides files and index, and whether anything is converted too."""
    git, rules = repository.git, wish.rules
    parts = [__version__, repository.top, repository.head, git.where, git.settings, vars(rules), wish.accept]
    texts = [json.dumps(parts, sort_keys=True).encode(), repository.config_texts, read_attributes(repository.common_dir)]
    return sha256(b"\0".join(texts)).hexdigest()


def _still(repository: Repository, last: Last) -> bool:
    """Whether the changed files are at rest, to the nanosecond, which git does not see, and no object stands for another."""
    from reprun.repo.index_copy import replaces_objects

    found = find_last(repository.top, repository.git_dir, repository.common_dir)
    return found == last and is_whole(last) and not replaces_objects(repository)


def _again(repository: Repository, wish: Wish, last: Last) -> Snapshot | None:
    """The last snapshot, kept by another ref; None when its objects may be gone, because its own ref is."""
    branch = show(repository.branch.removeprefix("refs/heads/"))
    try:
        known = Snapshot(**{**last.snapshot, "branch": branch})
    except TypeError:
        return None
    snapshot = replace(known, ref=refs.run_ref(wish.run_id))
    if not _names(repository, known.ref, snapshot.commit):
        return None
    wish.agree(snapshot)
    refs.create_ref(repository, snapshot.ref, snapshot.commit)
    if _names(repository, known.ref, snapshot.commit):  # nothing took it, and its objects, before there was another
        return snapshot
    refs.delete_ref(repository, snapshot.ref)
    return None


def _names(repository: Repository, ref: str, commit: str) -> bool:
    said = find_bytes(os.path.join(repository.common_dir, ref))
    return has_ref(repository, ref) if said is None else said == commit.encode("ascii") + b"\n"
