"""The user's own ssh: how it is called, and what its settings say of a host (`ssh -G`)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from reprun.core.errors import ReprunError, ToolError, UsageError
from reprun.core.text import show
from reprun.system.process import run


def client(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The user's ssh, and the words in front of everything else: `REPRUN_SSH="ssh -F ~/other"`, as in a shell."""
    said = environ.get("REPRUN_SSH", "")
    if not said:
        return ["ssh"]
    import shlex

    try:
        return shlex.split(said) or ["ssh"]
    except ValueError as error:
        raise UsageError(f"REPRUN_SSH cannot be read: {error}", hint="export REPRUN_SSH='ssh -F /a/config'") from None


def by_hand(*words: str) -> str:
    """A command line for people: their ssh with these words."""
    import shlex

    return shlex.join([*client(), *words])


def no_client(error: ReprunError) -> ToolError:
    """The error for an ssh that cannot be started."""
    if os.environ.get("REPRUN_SSH"):
        program = show(client()[0])
        return ToolError(f"REPRUN_SSH names {program}, which cannot be started", hint="export REPRUN_SSH='ssh -F /a/config'")
    if "not installed" in error.message or "No such file" in error.message:
        return ToolError("ssh is not installed", hint="sudo apt-get install openssh-client")
    return ToolError(error.message, hint="ssh -V")


class Settings:
    """What ssh would do for one address. Empty where ssh cannot say: then the connection itself will tell why."""

    def __init__(self, text: str = "") -> None:
        self._values: dict[str, list[str]] = {}
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            self._values.setdefault(key, []).append(value)

    def get(self, key: str) -> str:
        """The first value of a setting; empty when it is not set, `none` is the same."""
        value = self._values.get(key, [""])[0]
        return "" if value == "none" else value

    def all(self, key: str) -> list[str]:
        """Every value of a setting that may be said several times."""
        return list(self._values.get(key, []))

    @property
    def jumps(self) -> str:
        """The jump hosts on the way, as ssh is told them; empty without one."""
        return self.get("proxyjump")


def read_settings(address: str) -> Settings:
    """Asks ssh, which connects to nothing for that. Raises `ToolError` when ssh cannot be started."""
    try:
        # With a command, since ssh would not go into the background (ForkAfterAuthentication) without one.
        done = run([*client(), "-G", "-o", "RemoteCommand=none", "--", address, "true"], check=False)
    except ToolError as error:
        raise no_client(error) from None
    return Settings(done.stdout.decode("utf-8", "replace") if done.returncode == 0 else "")
