"""What makes two runs the same experiment: the code, the command, its folder and the config. Seeds and hosts may differ."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.core.canonical import plain
from reprun.core.digests import sha256
from reprun.core.measured import Record, items, mapping


def experiment_key(manifest: Record) -> str:
    """A name for the experiment of a run, hexadecimal."""
    code, command, config = (mapping(manifest.get(name)) for name in ("code", "command", "config"))
    return key_of(code.get("tree"), command.get("cwd"), config.get("sha256"), items(command.get("argv")))


def key_of(tree: object, cwd: object, config: object, argv: Sequence[object]) -> str:
    """The same of a run that has no manifest yet; `config` is the SHA-256 of its text."""
    parts = [tree, cwd, config, *argv]
    return sha256("\0".join(plain(part) for part in parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
