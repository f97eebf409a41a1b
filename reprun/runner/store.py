"""reprun's own bare repository on a host. Worktrees hang on it, so that a job's git touches nothing of the dev repository."""

from __future__ import annotations

import os

from reprun.runner.files import ensure_dir, remove_tree
from reprun.runner.git import Git
from reprun.runner.paths import Home


def ensure_store(home: Home, key: str, objects: str, object_format: str) -> str:
    """The bare repository for dev repository `key`; its objects are borrowed from the folder `objects` of this machine."""
    store = home.store(key)
    alternates = os.path.join(store, "objects", "info", "alternates")
    if not os.path.exists(alternates):
        _make(store, object_format)
        with open(alternates, "wb") as file:
            # A path with a newline or a leading quote has to be quoted as git quotes it; our caller refuses such names.
            file.write(os.fsencode(objects) + b"\n")
    return store


def _make(store: str, object_format: str) -> None:
    """Builds the repository aside and renames it into place; two that do so at once agree on the first."""
    if os.path.isdir(os.path.join(store, "objects", "info")):
        return
    ensure_dir(os.path.dirname(store))
    aside = "%s.%d.tmp" % (store, os.getpid())
    remove_tree(aside)
    git = Git(os.path.dirname(store))
    git.run("init", "--quiet", "--bare", "--template=", "--object-format=" + object_format, aside)
    os.chmod(aside, 0o700)
    with open(os.path.join(aside, "config"), "a", encoding="ascii") as config:
        # Shared files are hard links: linking changes their ctime, and a job's `git status` must not rehash them for that.
        config.write("[core]\n\ttrustctime = false\n\thooksPath = /dev/null\n[gc]\n\tauto = 0\n")
    ensure_dir(os.path.join(aside, "objects", "info"))
    ensure_dir(os.path.join(aside, "worktrees"))
    try:
        os.rename(aside, store)
    except OSError:
        remove_tree(aside)
        if not os.path.isdir(os.path.join(store, "objects", "info")):
            raise
