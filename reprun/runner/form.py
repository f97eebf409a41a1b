"""The form of a tree: everything besides the commit that decides which bytes git writes into its files.

Line endings, attributes that are not in the tree, filter programs, Git LFS. It comes with each request, from the dev side, and is
never read from a place where a job could write. Git is closed to whatever this host or this user has configured, so one
commit in one form is the same bytes everywhere; each form of a commit has a tree of its own.
"""

from __future__ import annotations

import json
import os

from reprun.runner.digests import sha256
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, find_bytes, write_atomic
from reprun.runner.git import is_old

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, NamedTuple, Tuple
else:
    from reprun.runner.tuples import NamedTuple

TREE_NAME = r"[0-9a-f]{40,64}(-[0-9a-f]{16})?"  # what shared trees are called
_CLOSED = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ATTR_NOSYSTEM": "1"}


class Form(NamedTuple):
    """`settings` are git's (`core.autocrlf`, `filter.NAME.smudge`, …); `info` and `user` the lines of attribute files that
    are not in the tree. `filtered` has the SHA-256 that a file must have when its filter has written it; `lfs` the files that
    get their content from the Git LFS objects in `storage`: path → [SHA-256, size]."""

    settings: Tuple[Tuple[str, str], ...] = ()
    info: str = ""
    user: str = ""
    filtered: Mapping[str, str] = {}
    lfs: Mapping[str, List[Any]] = {}
    storage: str = ""

    @property
    def rules(self) -> str:
        """Equal for trees in which equal objects become equal files; empty when git writes objects as they are."""
        return _digest([self.settings, self.info, self.user]) if self.settings or self.info or self.user else ""

    @property
    def contents(self) -> Dict[str, str]:
        """path → SHA-256 of the files of which the object alone does not say what they hold."""
        return {**self.filtered, **{path: str(known[0]) for path, known in self.lfs.items()}}

    def name(self, commit: str) -> str:
        """The name of the shared tree of `commit` in this form."""
        if not (self.rules or self.filtered or self.lfs):
            return commit
        return "%s-%s" % (commit, _digest([self.rules, self.contents]))


PLAIN = Form()


def form_of(data: Mapping[str, Any]) -> Form:
    """The form as it is written in requests and plans."""
    settings = tuple((str(key), str(value)) for key, value in data.get("settings", []))
    filtered, lfs = dict(data.get("filtered", {})), dict(data.get("lfs", {}))
    return Form(settings, data.get("info", ""), data.get("user", ""), filtered, lfs, data.get("storage", ""))


def commit_of(name: str) -> str:
    """The commit of the shared tree called `name`."""
    return name.partition("-")[0]


def closed(form: Form, store: str) -> Dict[str, str]:
    """The environment in which git knows this form and nothing else.

    Attribute files are written anew for each use, into a folder that stands in for the store: its own `info/attributes` would
    be seen by the jobs, and by trees of another form.
    """
    settings = dict(form.settings)
    env = dict(_CLOSED)
    settings["core.attributesFile"] = os.devnull
    if form.info or form.user:
        folder = os.path.join(store, "reprun-forms", form.rules)
        for part in ("info", "objects", "refs"):
            ensure_dir(os.path.join(folder, part))
        settings["core.attributesFile"] = os.path.join(folder, "attributes")
        texts = {"attributes": form.user.encode(), os.path.join("info", "attributes"): form.info.encode()}
        texts["config"] = find_bytes(os.path.join(store, "config")) or b""
        for name, text in texts.items():
            if find_bytes(os.path.join(folder, name)) != text:
                write_atomic(os.path.join(folder, name), text, durable=False)
        env["GIT_COMMON_DIR"] = folder
        env["GIT_OBJECT_DIRECTORY"] = os.path.join(store, "objects")
    return {**env, **(_told_to_old(settings) if is_old() else _told(settings))}


def _told(settings: Mapping[str, str]) -> Dict[str, str]:
    """By way of the environment a name may hold any character: `-c` would split it at its first `=`."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        env["GIT_CONFIG_KEY_%d" % number] = key
        env["GIT_CONFIG_VALUE_%d" % number] = value
    return env


def _told_to_old(settings: Mapping[str, str]) -> Dict[str, str]:
    """The same for a git before 2.32: settings as its `-c` hands them on, and no HOME where it would look for others."""
    if any("=" in key for key in settings):
        raise RunnerError("refused", "git on this host is older than 2.32, and cannot be told of a filter with = in its name")
    words = ("%s=%s" % pair for pair in settings.items())
    quoted = ("'%s'" % word.replace("'", "'\\''").replace("!", "'\\!'") for word in words)
    return {"GIT_CONFIG_PARAMETERS": " ".join(quoted), "HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull}


def _digest(data: Any) -> str:
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
