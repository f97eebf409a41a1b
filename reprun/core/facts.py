"""The facts about a run that can be compared, read from its manifest and outcome as texts by name.

The records may come from a stranger: what has the wrong type is left out, and nothing here raises.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import Any

from reprun.core.canonical import exact, plain
from reprun.core.measured import Output, Record, items, mapping, natural
from reprun.core.text import human_bytes

Facts = dict[str, str]
_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)", re.DOTALL)
_EDITS = ("changed", "added", "deleted")


def pick(table: Record, **labels: str) -> Facts:
    """The scalars of a table by label: `pick(host, model="cpu")` is `{"model": …}` if there is a `cpu`."""
    found = {label.replace("_", " "): plain(table.get(key)) for label, key in labels.items()}
    return {label: text for label, text in found.items() if text}


def code(manifest: Record) -> Facts:
    """The commit that ran, its tree, its submodules, and how much of it was uncommitted when the snapshot was taken."""
    table = mapping(manifest.get("code"))
    edits = ", ".join(f"{count} {name}" for name in _EDITS if (count := natural(table.get(name))))
    return pick(table, commit="commit", tree="tree") | _submodules(table) | {"uncommitted files": edits or "none"}


def _submodules(code: Record) -> Facts:
    found = {}
    for entry in map(mapping, items(code.get("submodules"))):
        path, commit = plain(entry.get("path")), plain(entry.get("commit"))
        if path and commit:
            found[f"submodule {path}"] = f"{commit} with changes" if entry.get("dirty") is True else commit
    return found


def seeds(manifest: Record) -> Facts:
    """The root seed and every named seed."""
    table = mapping(manifest.get("seeds"))
    named = sorted((str(name), plain(value)) for name, value in mapping(table.get("named")).items())
    return pick(table, root="root") | {name: text for name, text in named if text}


def command(manifest: Record) -> Facts:
    """The command as typed, its directory in the worktree, and what it may write there."""
    table, run = mapping(manifest.get("command")), mapping(manifest.get("run"))
    argv = shlex.join(plain(word) for word in items(table.get("argv")))
    writable = ", ".join(sorted(plain(path) for path in items(run.get("writable"))))
    facts = {"argv": argv, "directory": plain(table.get("cwd")) or ".", "writable": writable}
    return {name: text for name, text in facts.items() if text}


def environment(manifest: Record) -> Facts:
    """Where the interpreter and its packages were, which lock they came from, and what the solver believed of the machine."""
    table = mapping(manifest.get("environment"))
    found = pick(table, kind="kind", strength="strength", lock="lock", platform="platform")
    if "lock" not in found:  # where a locked one is says only whose home it is in
        found |= pick(table, executable="executable", prefix="prefix")
    virtual = sorted((str(name), plain(text)) for name, text in mapping(table.get("virtual")).items())
    # The kernel is a fact of the host, which has an area of its own.
    return found | {f"virtual {name}": text for name, text in virtual if text and name not in ("__linux", "__unix")}


def environment_digest(manifest: Record) -> Facts:
    """The digest of the whole environment."""
    return pick(mapping(manifest.get("environment")), digest="digest")


def python(manifest: Record) -> Facts:
    """Version and implementation of the job's Python."""
    return pick(mapping(manifest.get("environment")), version="python", implementation="implementation")


def packages(manifest: Record) -> Facts:
    """The version of every package, by its normalized name (`Scikit_Learn` is `scikit-learn`)."""
    found: dict[str, list[str]] = {}
    texts = (plain(item) for item in items(mapping(manifest.get("environment")).get("packages")))
    for text in filter(None, texts):
        match = _PACKAGE.fullmatch(text)
        name, version = (match[1], match[2]) if match else (text, "")
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(version.lstrip("= ") or "installed")
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}


def told_apart(version: str, old: tuple[str, str], new: tuple[str, str]) -> tuple[str, str] | None:
    """Two distributions of one version, as texts that say what is different about them; None where nothing is.

    Each is where it came from and a digest of its files. An archive may come from anywhere, if its files are the same.
    """
    is_moving = any("+" in origin.partition("://")[0] or origin.endswith("(editable)") for origin, _ in (old, new))
    if old[0] != new[0] and (is_moving or old[1] != new[1]):
        return f"{version} ({old[0] or 'an index'})", f"{version} ({new[0] or 'an index'})"
    if old[1] != new[1] and old[1] and new[1]:
        return f"{version} (files {old[1][:12]})", f"{version} (files {new[1][:12]})"
    return None


def variables(manifest: Record) -> Facts:
    """The variables set for the job; of secret ones only that they were set."""
    table, run_id = mapping(manifest.get("variables")), plain(manifest.get("run_id"))
    facts = {str(name): plain(value) for name, value in sorted(mapping(table.get("values")).items(), key=str)}
    locked = mapping(manifest.get("environment"))
    prefix = plain(locked.get("prefix")) if locked.get("lock") else ""
    if prefix:  # named by a digest, in a home that is another one on every host
        facts = {name: value.replace(prefix, "{environment}") for name, value in facts.items()}
        if "PYTHONPATH" not in items(table.get("configured")):
            facts.pop("PYTHONPATH", None)  # it says where the worktree is
    if "PATH" in facts and run_id:  # programs of the project, which lie in the folder of the run
        folders = facts["PATH"].split(":")
        facts["PATH"] = ":".join(folder for folder in folders if not folder.endswith(f"/{run_id}/overlay/bin"))
    if run_id:  # a path into the run's own directory is another one in every run
        facts = {name: value.replace(run_id, "{run_id}") for name, value in facts.items()}
    return facts | {name: "(secret)" for item in items(table.get("secret")) if (name := plain(item))}


def data(manifest: Record) -> Facts:
    """Size and sha256 of the declared data, by path."""
    return _files(manifest.get("data"))


def carried(manifest: Record) -> Facts:
    """Size and sha256 of the ignored files that the run got a copy of, by path."""
    return _files(manifest.get("carried"))


def _files(entries: Any) -> Facts:
    facts = {}
    for entry in map(mapping, items(entries)):
        if path := plain(entry.get("path")):
            facts[path] = file(Output(path, natural(entry.get("size")), plain(entry.get("sha256")) or None))
    return facts


def file(output: Output) -> str:
    """What identifies a file: `1234 B, sha256:…`."""
    size = "unknown size" if output.size is None else f"{output.size} B"
    return f"{size}, sha256:{output.sha256}" if output.sha256 else f"{size}, not hashed"


def target(manifest: Record) -> Facts:
    """Where the run was sent, and the GPUs that were asked for."""
    return pick(mapping(manifest.get("target")), name="name", host="host", scheduler="scheduler", gpus="gpus")


def gpu(host: Record) -> Facts:
    """The GPUs of a host by name and memory: `8 x NVIDIA H200 139.8 GiB`."""
    counts: Counter[str] = Counter()
    for device in map(mapping, items(host.get("gpus"))):
        memory = natural(device.get("memory"))
        name = plain(device.get("name")) or "unknown"
        counts[f"{name} {human_bytes(memory)}" if memory else name] += 1
    text = ", ".join(f"{count} x {name}" for name, count in sorted(counts.items()))
    return {"devices": text} if text else {}


def driver(host: Record) -> Facts:
    """The version of the GPU driver."""
    found = {plain(mapping(device).get("driver")) for device in items(host.get("gpus"))} - {""}
    return {"version": ", ".join(sorted(found))} if found else {}


def cpu(host: Record) -> Facts:
    """Model and number of the processors."""
    return pick(host, model="cpu", count="cpus")


def machine(host: Record) -> Facts:
    """The host itself: its names, operating system, kernel and memory."""
    memory = natural(host.get("memory"))
    # Rounded on purpose: what the kernel calls total memory moves by some pages from boot to boot.
    total = {"memory": human_bytes(memory)} if memory else {}
    return pick(host, hostname="hostname", machine_id="machine_id", os="os", kernel="kernel") | total


def values(config: Record) -> Facts:
    """The values of a flattened config by dotted path."""
    return {path: exact(value) for path, value in config.items() if path}
