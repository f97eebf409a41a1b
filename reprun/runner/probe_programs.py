"""Programs that the job calls, and the versions that they say they have."""

from __future__ import annotations

import re
from typing import Any, Dict

from reprun.runner.interpreter import which
from reprun.runner.probe import Context, Facts
from reprun.runner.probe_process import Ways, run_probe

_VERSION = re.compile(rb"(?<![0-9.])v?([0-9]+(?:\.[0-9]+)+[A-Za-z0-9.]*|[0-9]+)(?![0-9.])")
_WAYS = ("--version", "-version", "version", "-V")
_SECONDS = 10.0


def probe(context: Context) -> Facts:
    """For each program `path` and `version`, empty where they are not known."""
    return {name: _look(name, context) for name in context.ask["programs"]}, {}


def _look(name: str, context: Context) -> Dict[str, Any]:
    path = which(name, context.env, context.cwd)
    if path is None:
        return {"path": "", "version": ""}
    for word in _WAYS:
        try:
            done = run_probe([path, word], context, Ways(seconds=_SECONDS))
        except OSError:
            break
        found = _VERSION.search(_first_lines(done.out) or _first_lines(done.err)) if done.status == 0 else None
        if found:
            return {"path": path, "version": found[1].decode("ascii").rstrip(".")}
        if done.status is None:
            break
    return {"path": path, "version": ""}


def _first_lines(data: bytes) -> bytes:
    return b"\n".join(data.strip().splitlines()[:3])
