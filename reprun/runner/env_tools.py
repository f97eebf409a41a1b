"""What makes environments on this host: py-rattler, and a Python that is new enough for it; both may come from the dev side."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any, Dict, List, NamedTuple, Optional

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, remove_tree
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home
from reprun.runner.process import run

OLDEST = (3, 10)
_NAMES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10")


class Installer(NamedTuple):
    """The interpreter, and the folder in which py-rattler is."""

    python: str
    path: str


def find_python(home: Home, sent: Optional[Dict[str, Any]]) -> str:
    """A Python for the installer: this one, another one of the host, or the one that was sent; empty when there is none."""
    if sys.version_info >= OLDEST:
        return sys.executable
    asks = "import sys; sys.exit(sys.version_info < (%d, %d))" % OLDEST
    for name in _NAMES:
        path = shutil.which(name)
        if path and run([path, "-I", "-S", "-c", asks], check=False, timeout=30).returncode == 0:
            return path
    place = os.path.join(home.tools, sent["name"]) if sent else ""
    return os.path.join(place, "bin", "python") if os.path.isdir(place) else ""


def find_installer(home: Home, request: Dict[str, Any]) -> Optional[Installer]:
    """What installs; None while a part of it has to be sent, which `list_lacking_tools` names."""
    tools = request["tools"]
    python = tools.get("interpreter") or _sent_python(home, tools)
    path = tools.get("path") or _unpacked(home, tools.get("rattler"))
    return Installer(python, path) if python and path else None


def list_lacking_tools(home: Home, tools: Dict[str, Any]) -> List[str]:
    """Of `python` and `rattler` those that are not here."""
    lacking = []
    if not tools.get("interpreter") and not _sent_python(home, tools):
        lacking.append("python")
    if not tools.get("path") and not _unpacked(home, tools.get("rattler")):
        lacking.append("rattler")
    return lacking


def _sent_python(home: Home, tools: Dict[str, Any]) -> str:
    sent = tools.get("python")
    if sent:
        _unpacked(home, sent)
    return find_python(home, sent)


def _unpacked(home: Home, sent: Optional[Dict[str, Any]]) -> str:
    """The folder of a tool that was sent as an archive: `name` of the folder, `sha256` of the archive."""
    if not sent:
        return ""
    if os.path.basename(sent["name"]) != sent["name"] or sent["name"].startswith("."):
        raise RunnerError("usage", "%r is no name of a tool" % sent["name"])
    place = os.path.join(home.tools, sent["name"])
    if os.path.isdir(place):
        return place
    archive = object_path(home.packages, str(sent.get("sha256", "")))  # `take` has verified it
    if not sent.get("sha256") or not os.path.isfile(archive):
        return ""
    import tarfile

    aside = "%s.%d.tmp" % (place, os.getpid())
    ensure_dir(home.tools)
    remove_tree(aside)
    try:
        with tarfile.open(archive) as source:
            source.extractall(aside)  # noqa: S202  # made by our own dev side
        os.rename(aside, place)
    except BaseException:
        remove_tree(aside)
        if not os.path.isdir(place):  # another launch may have been quicker
            raise
    os.unlink(archive)
    return place
