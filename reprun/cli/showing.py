"""How one run looks: the manifest and the outcome, arranged for reading."""

from __future__ import annotations

import shlex
from typing import Any

from reprun.cli.table import paint_state
from reprun.core.text import human_bytes, human_seconds, show

_SHOWN = 12


def print_run(data: dict[str, Any]) -> None:
    """Prints what `reprun show --json` holds, in an order that answers questions: what, from what, how, what came of it."""
    manifest, outcome = data["manifest"], data["outcome"] or {}
    name = manifest.get("name") if manifest else ""
    print(f"{data['run_id']}  {paint_state(show(data['state_words']))}{'  ' + show(name) if name else ''}")
    if manifest is None:
        _line("problem", show(str(data.get("problem", ""))))
        return
    _print_manifest(manifest)
    _print_outcome(outcome)
    _line("folder", data["run_dir"])


def _line(label: str, text: str) -> None:
    print(f"  {label.ljust(12)}{text}")


def _print_manifest(manifest: dict[str, Any]) -> None:
    code, seeds, environment, target = (manifest[key] for key in ("code", "seeds", "environment", "target"))
    if manifest.get("why"):
        _line("why", show(manifest["why"]))
    _line("command", show(shlex.join(manifest["command"]["argv"])))
    if manifest["command"].get("cwd"):
        _line("in", show(manifest["command"]["cwd"]))
    dirty = (
        f"snapshot: {code['changed']} changed, {code['added']} new, {code['deleted']} deleted"
        if code.get("dirty")
        else "as committed"
    )
    _line("commit", f"{code['commit']}  {dirty}" + (f", on {show(code['branch'])}" if code.get("branch") else ""))
    if "config" in manifest:
        sets = "".join(f"  --set {show(item)}" for item in manifest["config"]["sets"])
        _line("config", f"{show(manifest['config']['source']) or '(from --set)'}{sets}")
    _line(
        "seeds", f"{seeds['root']} ({seeds['origin']})  " + " ".join(f"{name}={value}" for name, value in seeds["named"].items())
    )
    if environment.get("python"):
        _line(
            "python",
            f"{environment['python']}, {len(environment['packages'])} packages ({environment['kind']}: recorded, not locked)",
        )
    _line(
        "target",
        f"{target['name']} on {show(target['hostname'])}, {target['scheduler']}"
        + (f", GPUs {target['gpus']}" if target.get("gpus") else ""),
    )
    for entry in manifest.get("data", []):
        _line("data", f"{show(entry['path'])}  {human_bytes(entry['size'])}  sha256 {entry['sha256'][:12]}")
    if manifest.get("parent"):
        _line("reproduces", manifest["parent"])


def _print_outcome(outcome: dict[str, Any]) -> None:
    host = outcome.get("host") or {}
    if host:
        gpus = ", ".join(gpu["name"] for gpu in host.get("gpus", [])) or "no GPU"
        _line(
            "host",
            show(f"{host.get('cpu')} × {host.get('cpus')}, {human_bytes(host.get('memory', 0))}, {gpus}, {host.get('os')}"),
        )
    if outcome.get("seconds") is not None:
        memory = human_bytes(outcome.get("peak_memory", 0))
        _line(
            "took",
            f"{human_seconds(outcome['seconds'])}, CPU {human_seconds(outcome.get('cpu_seconds', 0))}, peak memory {memory}",
        )
    if (outcome.get("worktree") or {}).get("modified"):
        _line(
            "MODIFIED",
            "the worktree was changed while the job ran: "
            + ", ".join(show(path) for path in outcome["worktree"]["paths"][:_SHOWN]),
        )
    for problem in outcome.get("problems", []):
        _line("problem", show(str(problem)))
    metrics = outcome.get("metrics") or {}
    for name, value in list(metrics.items())[:_SHOWN]:
        _line(
            "metric",
            f"{show(name)} = {value.get('last')}  (min {value.get('min')}, max {value.get('max')}, {value.get('count')} values)",
        )
    outputs = outcome.get("outputs") or []
    for entry in outputs[:_SHOWN]:
        digest = f"  sha256 {entry['sha256'][:12]}" if "sha256" in entry else ""
        _line("output", f"{show(entry['path'])}  {human_bytes(entry['size'])}{digest}")
    if len(outputs) > _SHOWN:
        _line("", f"… and {len(outputs) - _SHOWN} more outputs")
