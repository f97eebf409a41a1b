"""What the runner says must be typed on its host, as it is typed here."""

from __future__ import annotations

from reprun.core.text import show
from reprun.hosts.ssh_client import by_hand

_COMMANDS = ("apt-get ", "dnf ", "yum ", "zypper ", "pacman ", "apk ", "conda ", "chmod ", "mkdir ", "chown ")


def on_host(hint: str, address: str, target: str) -> str:
    """The hint of a runner for whoever sits in front of another machine."""
    if hint.startswith("sudo "):
        return f"{by_hand('-t', address)} {hint}"  # sudo asks for a password
    if hint.startswith(_COMMANDS):
        return f"{by_hand(address)} {hint}"
    hint = hint.replace("reprun doctor", f"reprun doctor --on {show(target)}")
    return hint.replace("export REPRUN_HOME=<a folder of yours>", f'[targets.{show(target)}] home = "/a/folder/of/yours"')
