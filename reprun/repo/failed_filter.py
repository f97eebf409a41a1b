"""A filter of the user's that fails while git reads the dev tree."""

from __future__ import annotations

import os
import re

from reprun.core.errors import RefusedError
from reprun.core.text import show

_FAILED = rb"^(?:fatal|error): (.*): clean filter '?(.*?)'? failed$"


def refuse_failed_filter(said: bytes) -> None:
    """Raises `RefusedError` when git says that a filter which it is set to require has failed, naming file and filter."""
    failed = re.search(_FAILED, said, re.MULTILINE)
    if failed is None:
        return
    path, name = (show(os.fsdecode(part)) for part in failed.groups())
    if name == "lfs":
        raise RefusedError(f"the content of the Git LFS file {path} cannot be stored", hint="df -h .git")
    raise RefusedError(
        f"the Git filter {name} fails for {path}, and git is set to require it",
        hint=f"git config --get-regexp '^filter\\.{name}\\.' shows its program; install or mend it",
    )
