"""reprun's own bare repository on a host. Worktrees hang on it, so that a job's git touches nothing of the dev repository."""

from __future__ import annotations

import os
from _thread import allocate_lock

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, find_bytes, read_text, remove_tree, write_atomic
from reprun.runner.git import Git
from reprun.runner.paths import Home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


_MAKING = allocate_lock()  # a thread may begin with it before the launch comes to that


def sees_objects(request: Dict[str, Any]) -> bool:
    """Whether the objects of the dev repository are on a disk of this host, as the request says: a path alone may be that of
    another repository here, so there is a `probe`, a file and what it holds."""
    objects, probe = request.get("objects", ""), request.get("probe")
    return bool(objects) and os.path.isdir(objects) and (probe is None or read_text(probe[0]) == probe[1] != "")


def ensure_store(home: Home, key: str, objects: str, object_format: str) -> str:
    """The bare repository for dev repository `key`; where the folder `objects` of the dev repository is on this machine, its
    objects are borrowed."""
    store = home.store(key)
    with _MAKING:
        if not os.path.isdir(os.path.join(store, "objects", "info")):
            _make(store, object_format)
    if not objects:
        return store
    alternates = os.path.join(store, "objects", "info", "alternates")
    # A path with a newline or a leading quote has to be quoted as git quotes it; our caller refuses such names.
    wanted = os.fsencode(objects) + b"\n"
    if find_bytes(alternates) != wanted:
        write_atomic(alternates, wanted)
    _follow_shallow(store, os.path.dirname(objects))
    return store


def _follow_shallow(store: str, dev: str) -> None:
    """Where the history of the dev repository was cut, it is cut here too: a job's `git log` ends there and does not fail."""
    cut, path = find_bytes(os.path.join(dev, "shallow")), os.path.join(store, "shallow")
    if cut == find_bytes(path):
        return
    if cut is None:
        os.unlink(path)
    else:
        write_atomic(path, cut)


def restore_settings(store: str) -> None:
    """Undoes what a job did to the settings of the store with `git config`: they decide how the next tree is written."""
    wanted = find_bytes(os.path.join(store, "reprun-config"))
    if wanted is not None and find_bytes(os.path.join(store, "config")) != wanted:
        write_atomic(os.path.join(store, "config"), wanted)
    attributes = os.path.join(store, "info", "attributes")
    if os.path.lexists(attributes):
        os.unlink(attributes)


def _make(store: str, object_format: str) -> None:
    """Builds the repository aside and renames it into place; two that do so at once agree on the first."""
    ensure_dir(os.path.dirname(store))
    aside = "%s.%d.tmp" % (store, os.getpid())
    remove_tree(aside)
    git = Git(os.path.dirname(store))
    words = [] if object_format == "sha1" else ["--object-format=" + object_format]  # which git before 2.29 does not know
    done = git.run("init", "--quiet", "--bare", "--template=", *words, aside, check=not words)
    if done.returncode:
        remove_tree(aside)
        raise RunnerError(
            "tool",
            "git on the host cannot keep a repository with %s objects: that takes git 2.29" % object_format,
            "install a newer git there",
        )
    os.chmod(aside, 0o700)
    settings = find_bytes(os.path.join(aside, "config")) or b""
    # Shared files are hard links: linking changes their ctime, and a job's `git status` must not rehash them for that.
    settings += b"[core]\n\ttrustctime = false\n\thooksPath = /dev/null\n[gc]\n\tauto = 0\n"
    for name in ("config", "reprun-config"):
        write_atomic(os.path.join(aside, name), settings)
    for name in (os.path.join("objects", "info"), "worktrees"):
        ensure_dir(os.path.join(aside, name))
    try:
        os.rename(aside, store)
    except OSError:
        remove_tree(aside)
        if not os.path.isdir(os.path.join(store, "objects", "info")):
            raise
