"""Has another machine all that runs need? Each answer with the line that mends it, typed on this machine."""

from __future__ import annotations

import os
from typing import Any

from reprun.commands.diagnosis import OLDEST, OLDEST_HERE, Diagnosis, judge_tool
from reprun.core.errors import ToolError, UnreachableError
from reprun.core.text import human_bytes, human_seconds
from reprun.hosts.base import Host
from reprun.system.clock import now_ns
from reprun.workspace import Workspace

_SECONDS = 60  # by which two clocks may differ
_BYTES = 1 << 30
_INODES = 10_000


def examine_host(workspace: Workspace, name: str) -> tuple[list[Diagnosis], bool]:
    """Looks at the target `name`, and says whether its host could be asked. Raises `UsageError` for one that nobody described."""
    host = workspace.target(name).host
    found = [_address(host)] if not host.is_here else []
    before = now_ns()
    try:
        facts = host.ask({"op": "examine", "tools": list(OLDEST), "probe": _probe(workspace)})
    except UnreachableError as error:
        if error.reached:
            found.append(Diagnosis("connection", "ok", "a login works"))
        return [*found, Diagnosis("python" if error.reached else "connection", "fail", error.message, error.hint)], False
    except ToolError as error:
        hint = error.hint or host.remedy("export REPRUN_HOME=<a folder of yours>")
        return [*found, Diagnosis("home", "fail", error.message, hint)], True
    middle = (before + now_ns()) / 2e9
    found += [_connection(host), _machine(host, facts), _python(facts)]
    found += [_tool(host, name, told) for name, told in facts["tools"].items()]
    found += [*_home(host, facts["home"]), _socket(host, facts["socket"]), _clock(host, facts["time"] - middle)]
    found += _gpus(facts["gpus"])
    if facts["ends_at_logout"]:
        hint = host.remedy(f"sudo loginctl enable-linger {facts['user']['name']}")
        found.append(Diagnosis("logout", "fail", "systemd ends everything of a user who logs out, and a run with it", hint))
    return found, True


def _address(host: Host) -> Diagnosis:
    route = host.describe()
    if not route["hostname"]:
        return Diagnosis("address", "warn", f"ssh cannot say what {route['address']} is")
    by = f", by way of {route['jumps']}" if route["jumps"] else ""
    return Diagnosis("address", "ok", f"{route['user']} at {route['hostname']}, port {route['port']}{by}")


def _connection(host: Host) -> Diagnosis:
    return Diagnosis("connection", "ok", "none is needed" if host.is_here else host.describe()["sharing"])


def _machine(host: Host, facts: dict[str, Any]) -> Diagnosis:
    from reprun.runner.files import read_text

    told = facts["host"]
    name = f"{told['hostname']}, {told['os']}, {told['cpus']} CPUs, {human_bytes(told['memory'])}"
    if told["machine_id"] and told["machine_id"] == read_text("/etc/machine-id").strip():
        return Diagnosis("machine", "ok", f"{name}; it is this machine")
    disk = "it sees the disk of this one: code is not copied" if facts["shared"] else "it has a disk of its own"
    return Diagnosis("machine", "ok", f"{name}; {disk}")


def _python(facts: dict[str, Any]) -> Diagnosis:
    runner = f", runner {facts['runner'][:12]}" if facts["runner"] else ""
    return Diagnosis("python", "ok", f"{facts['host']['runner_python']}{runner}")


def _tool(host: Host, name: str, told: dict[str, Any]) -> Diagnosis:
    if told["elsewhere"] and not told["version"]:
        folder = os.path.dirname(told["elsewhere"])
        detail = f"is at {told['elsewhere']}, where a login without a terminal does not look"
        return Diagnosis(name, "fail", detail, f"in the first line of ~/.bashrc there: export PATH={folder}:$PATH")
    oldest = (OLDEST_HERE if host.is_here else OLDEST)[name]
    return judge_tool(name, told["version"], host.remedy(told["install"]), oldest)


def _home(host: Host, told: dict[str, Any]) -> list[Diagnosis]:
    path = told["path"]
    if not told["writable"]:
        return [Diagnosis("home", "fail", f"{path} cannot be written", host.remedy("export REPRUN_HOME=<a folder of yours>"))]
    if told["refused"]:
        return [Diagnosis("home", "fail", told["refused"], host.remedy(told["hint"]))]
    free, inodes = int(told["free_bytes"]), int(told["free_inodes"])
    what = f"{human_bytes(free)} free at {path}"
    if free < _BYTES:
        disk = Diagnosis("disk", "warn", f"only {what}", "reprun gc, or another home")
    elif told["inodes"] and inodes < _INODES:  # some file systems do not count them
        disk = Diagnosis("disk", "warn", f"{what}, but room for only {inodes} more files", "reprun gc, or another home")
    else:
        disk = Diagnosis("disk", "ok", f"{what}, room for {inodes} files" if told["inodes"] else what)
    return [Diagnosis("home", "ok", f"{path} is writable, and nobody else can write there"), disk]


def _socket(host: Host, told: dict[str, Any]) -> Diagnosis:
    if told["refused"]:
        return Diagnosis("socket", "fail", told["refused"], host.remedy("export REPRUN_HOME=<a folder of yours>"))
    size = f"{told['path']}, {told['bytes']} of {told['most']} bytes"
    if told["bytes"] > told["most"]:
        return Diagnosis("socket", "fail", f"{size}: too long", host.remedy("export REPRUN_HOME=<a folder of yours>"))
    return Diagnosis("socket", "ok", size)


def _clock(host: Host, ahead: float) -> Diagnosis:
    if abs(ahead) <= _SECONDS:
        return Diagnosis("clock", "ok", f"{human_seconds(abs(ahead))} from the one here")
    detail = f"{human_seconds(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the one here"
    return Diagnosis("clock", "warn", detail, host.remedy("sudo timedatectl set-ntp true"))


def _gpus(told: Any) -> list[Diagnosis]:
    if isinstance(told, str):
        return [Diagnosis("gpu", "warn", told, "its driver has to be mended by whoever runs the machine")]
    if not told:
        return [Diagnosis("gpu", "ok", "none that nvidia-smi knows")]
    return [Diagnosis(f"gpu {gpu['index']}", "ok", f"{gpu['name']}, {gpu['free']} of {gpu['memory']} MiB free") for gpu in told]


def _probe(workspace: Workspace) -> dict[str, Any] | None:
    """A file that only this repository has; it is there already."""
    path = os.path.join(workspace.repository.common_dir, "config")
    try:
        found = os.stat(path)
    except OSError:
        return None
    return {"path": path, "stat": [found.st_ino, found.st_size, found.st_mtime_ns]}
