"""A host that lets us in, and on which no runner answers: what its shell and its Python said instead."""

from __future__ import annotations

import re

from reprun.core.errors import UnreachableError
from reprun.core.text import show
from reprun.hosts.ssh_client import by_hand, client
from reprun.hosts.ssh_place import settings_of

_LONG = re.compile("[0-9a-f]{100,}")  # the text of our own command


def silent(host: str, said: str, status: int | None, target: str) -> UnreachableError:
    """ssh came through, but no runner answered."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = show(_LONG.sub("…", lines[-1].strip())[:300]) if lines else ""
    if status in (126, 127) or ("not found" in said.lower() and "python3" in said):
        return UnreachableError(
            f"python3 cannot be started on {host}" + (f": {last}" if last else ""),
            hint=python_hint(host, target),
            reached=True,
        )
    works = by_hand(host, "echo", "works")
    if status is None:
        return UnreachableError(
            f"{host} does not answer: it took the connection and then said nothing",
            hint=f"{works}   # must say so and end; where it waits, an rc file there reads all input",
        )
    if status == 255 and not last:
        return UnreachableError(f"{host} closed the connection", hint=by_hand("-v", host, "true"))
    if status == 0 and not settings_of(host).get("hostname"):
        program = show(client()[0])
        return UnreachableError(f"{host} cannot be asked: {program} is no ssh", hint="export REPRUN_SSH='ssh -F /a/config'")
    if status != 1 and not last:
        return UnreachableError(
            f"the login shell of {host} ended before it ran anything",
            hint=f"{works}   # must say so; where it is silent, an rc file there calls exit or exec",
            reached=True,
        )
    hint = by_hand("-v", host, "true")
    return UnreachableError(f"{host} cannot be asked: {last or f'ssh ended with {status}'}", hint=hint, reached=status != 255)


def python_hint(host: str, target: str) -> str:
    """How a host gets a Python that is new enough, or reprun gets to know where one is."""
    is_root = settings_of(host).get("user") == "root"
    install = f"{by_hand(host)} apt-get install -y" if is_root else f"{by_hand('-t', host)} sudo apt-get install"
    name = target or host
    return f'{install} python3   # or say where one is: [targets.{show(name)}] python = "/path/to/python3"'


def too_old(host: str, version: str, target: str = "") -> UnreachableError:
    """The interpreter there cannot run the runner."""
    name = show(target or host)
    return UnreachableError(
        f"python3 on {host} is {show(version)}, and 3.8 is needed",
        hint=f'[targets.{name}] python = "/path/to/a/newer/python3"   # without root: conda create -n py3 python=3.12',
        reached=True,
    )
