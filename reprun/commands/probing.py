"""What the target is to look at, in the worktree and environment of the job, before a run starts there."""

from __future__ import annotations

from typing import Any

from reprun.core import seeds as seed_rules
from reprun.core.placeholders import RESERVED, fill
from reprun.core.spec import RunSpec
from reprun.preflight.clearing import level_of
from reprun.runner.probe import MARK
from reprun.workspace import Workspace

SECONDS, TESTS_SECONDS = 120.0, 600.0
CACHE_SECONDS = 86400.0
_PASSED_ON = ("readable", "writable", "disk", "ports", "schema", "tests", "command", "alone")


def probe_request(workspace: Workspace, spec: RunSpec) -> dict[str, Any]:
    """The fields of `prepare`: `preflight`, on which the answer depends, and `trial`, which is another one in every run."""
    rules, level = spec.preflight, level_of(spec)
    skipped = rules.get("skip", ())
    ask: dict[str, Any] = {name: rules[name] for name in _PASSED_ON if rules.get(name) and name not in skipped}
    if "tests" in skipped:
        ask.pop("command", None)
    ask["level"] = level
    ask["seconds"] = float(rules.get("timeout", TESTS_SECONDS if ask.keys() & {"tests", "command"} else SECONDS))
    ask["keep"] = 0.0 if level == "full" else float(rules.get("cache", CACHE_SECONDS))
    if "imports" not in skipped:
        ask["imports"] = True
    if "project" not in skipped:
        ask["project"] = True
    if rules.get("programs") and "programs" not in skipped:
        ask["programs"] = sorted(rules["programs"])
    frozen = [path for path, known in rules.get("data", {}).items() if known.get("mtime") == "frozen"]
    if frozen and "data" not in skipped and not spec.commit:
        ask["frozen"] = frozen
    if "gpu" not in skipped and spec.gpus != "none" and (spec.gpus or level == "full"):
        ask["gpu"] = {"wanted": spec.gpus, "memory": int(rules.get("gpu_memory", 0)), "product": True}
    return {"preflight": ask, "trial": _trial(workspace, spec)}


def _trial(workspace: Workspace, spec: RunSpec) -> dict[str, Any]:
    """The command, the variables and the config of the job, as far as they are known before its folder is."""
    marks = {name: f"{MARK}{name}{MARK}" for name in RESERVED}
    marks["seed"] = str(spec.seeds.root)
    env = {**seed_rules.variables(spec.seeds), **workspace.settings.env}
    if spec.gpus:
        from reprun.commands.records import gpu_variables

        env.update(gpu_variables(spec))
    config = {"name": f"config.{spec.config.format}", "text": spec.config.text} if spec.config else None
    return {"words": fill(spec.argv, marks, spec.config.values if spec.config else None), "env": env, "config": config}
