"""The programs of git's filters, which the settings of a dev machine name: on another host they may not be there."""

from __future__ import annotations

import os
import re
import shlex

from reprun.runner.errors import RunnerError
from reprun.runner.form import Form
from reprun.runner.interpreter import which

_PLAIN = re.compile(r"[A-Za-z0-9_.+/-]+")  # a word that no shell changes
_WRITERS = ("smudge", "process")
_SHOWN = 10


def check_filters(form: Form) -> None:
    """Raises `RunnerError` (refused) where a filter that has to write files of this form has no program on this host."""
    if not form.filtered:
        return
    for key, value in form.settings:
        name, _, option = key[len("filter.") :].rpartition(".")
        if key.startswith("filter.") and option in _WRITERS and _is_missing(value):
            files = sorted(form.filtered)
            more = " and %d more" % (len(files) - _SHOWN) if len(files) > _SHOWN else ""
            raise RunnerError(
                "refused",
                "%s%s are written by the git filter %s, and its program is not on this host: %s"
                % (", ".join(files[:_SHOWN]), more, name, value),
                "install it there; or let the job have what git makes of the files without it, in reprun.toml:\n"
                '       [snapshot]\n       filters = "committed"',
            )


def _is_missing(command: str) -> bool:
    """True when it is sure: what a shell would make of the command is not guessed, nor what a path in the tree leads to."""
    try:
        word = (shlex.split(command) or [""])[0]
    except ValueError:
        return False
    if not _PLAIN.fullmatch(word) or ("/" in word and not os.path.isabs(word)):
        return False
    return which(word, dict(os.environ), "/") is None
