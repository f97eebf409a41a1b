"""How one run looks: the manifest and the outcome, arranged for reading.

Both may come from a stranger: what has the wrong type is left out, and control characters are shown, not obeyed.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import Any

from reprun.cli.table import paint_state
from reprun.core.canonical import plain
from reprun.core.measured import Record, items, mapping, metrics_of, natural, number, number_as_text, outputs_of
from reprun.core.probed import remark
from reprun.core.randomness import unseeded_draws
from reprun.core.text import human_bytes, human_seconds, show

_SHOWN = 12


def print_run(data: dict[str, Any]) -> None:
    """Prints what `reprun show --json` holds, in an order that answers questions: what, from what, how, what came of it."""
    manifest, outcome = data["manifest"], data["outcome"]
    name = plain(manifest.get("name")) if manifest else ""
    print(f"{data['run_id']}  {paint_state(show(data['state_words']))}{'  ' + show(name) if name else ''}")
    if manifest is None:
        _line("problem", str(data.get("problem", "")))
        return
    _print_manifest(manifest)
    _print_outcome(mapping(outcome))
    probed = remark(mapping(mapping(data.get("repeats")).get("probe")))
    if probed:
        _line("repeats", probed)
    _line("folder", data["run_dir"])


def _line(label: str, text: str) -> None:
    line = f"  {label.ljust(12)}{show(text)}"
    if sys.stdout.isatty() and len(line) > (width := shutil.get_terminal_size().columns) > 40:
        import textwrap

        line = textwrap.fill(line, width, subsequent_indent=" " * 14, break_long_words=False, break_on_hyphens=False)
    print(line)


def _texts(record: Record, table: str, key: str) -> list[str]:
    return [plain(item) for item in items(mapping(record.get(table)).get(key))]


def _print_manifest(manifest: Record) -> None:
    command, config = mapping(manifest.get("command")), mapping(manifest.get("config"))
    if manifest.get("why"):
        _line("why", plain(manifest["why"]))
    _line("command", shlex.join(_texts(manifest, "command", "argv")))
    if command.get("cwd"):
        _line("in", plain(command["cwd"]))
    _line("commit", _commit(mapping(manifest.get("code"))))
    for entry in map(mapping, items(mapping(manifest.get("code")).get("submodules"))):
        changed = "  with changes" if entry.get("dirty") is True else ""
        _line("submodule", f"{plain(entry.get('path'))}  {plain(entry.get('commit'))}{changed}")
    if config:
        sets = "".join(f"  --set {item}" for item in _texts(manifest, "config", "sets"))
        _line("config", f"{plain(config.get('source')) or '(from --set)'}{sets}")
    _line("seeds", _seeds(mapping(manifest.get("seeds"))))
    environment = mapping(manifest.get("environment"))
    if environment.get("python"):
        packages = f"{len(items(environment.get('packages')))} packages"
        kind, lock = plain(environment.get("kind")), plain(environment.get("lock"))
        how = f"{kind}, lock {lock[:12]}" if lock else f"{kind}: recorded, not locked"
        _line("python", f"{plain(environment['python'])}, {packages} ({how})")
    _line("target", _target(mapping(manifest.get("target"))))
    for label in ("data", "carried"):
        for entry in map(mapping, items(manifest.get(label))):
            _line(label, _file(plain(entry.get("path")), natural(entry.get("size")), plain(entry.get("sha256"))))
    _print_asked(mapping(manifest.get("run")))
    if manifest.get("parent"):
        _line("reproduces", plain(manifest["parent"]))


def _print_asked(run: Record) -> None:
    if run.get("limit"):
        _line("limit", ", ".join(f"{plain(value)} {name}" for name, value in mapping(run["limit"]).items()))
    if run.get("queue"):
        _line("queued", _queued(mapping(run["queue"])))


def _queued(asked: Record) -> str:
    """What the launch asked of the queue, in the words of its options."""
    found = [
        f"{name} {plain(asked[name])}" for name in ("kind", "priority", "gpus", "cpus", "memory", "retries") if asked.get(name)
    ]
    for one in map(mapping, items(asked.get("after"))):
        found.append(
            f"after{'-ok' if one.get('ok') is True else ''} {plain(one.get('run'))}" + " or a retry of it" * bool(one.get("or"))
        )
    wish = mapping(asked.get("if"))
    if wish:
        found.append(
            f"if {plain(wish.get('run'))}.{plain(wish.get('metric'))} {plain(wish.get('op'))} {plain(wish.get('value'))}"
            + ", or that of a retry" * bool(wish.get("or"))
        )
    return ", ".join(found) or "for any slot"


def _commit(code: Record) -> str:
    kinds = (("changed", "changed"), ("added", "new"), ("deleted", "deleted"))
    counts = ", ".join(f"{natural(code.get(key)) or 0} {word}" for key, word in kinds)
    state = f"snapshot: {counts}" if code.get("dirty") else "as committed"
    state += f", during a {plain(code['operation'])}" if code.get("operation") else ""
    branch = plain(code.get("branch"))
    return f"{plain(code.get('commit'))}  {state}" + (f", on {branch}" if branch else "")


def _seeds(seeds: Record) -> str:
    named = " ".join(f"{name}={plain(value)}" for name, value in mapping(seeds.get("named")).items())
    return f"{plain(seeds.get('root'))} ({plain(seeds.get('origin')) or 'unknown'})  {named}"


def _target(target: Record) -> str:
    name, host, scheduler, gpus = (plain(target.get(key)) for key in ("name", "hostname", "scheduler", "gpus"))
    return f"{name or 'unknown'} on {host or 'an unnamed host'}, {scheduler or 'unknown'}" + (f", GPUs {gpus}" if gpus else "")


def _file(path: str, size: int | None, digest: str | None) -> str:
    return f"{path}  {'unknown size' if size is None else human_bytes(size)}" + (f"  sha256 {digest[:12]}" if digest else "")


def _print_outcome(outcome: Record) -> None:
    host = mapping(outcome.get("host"))
    if host:
        gpus = ", ".join(plain(mapping(gpu).get("name")) for gpu in items(host.get("gpus"))) or "no GPU"
        memory = human_bytes(natural(host.get("memory")) or 0)
        _line("host", f"{plain(host.get('cpu'))} × {plain(host.get('cpus'))}, {memory}, {gpus}, {plain(host.get('os'))}")
    slot = mapping(outcome.get("slot"))
    if slot:
        gpus = ", ".join(_texts(outcome, "slot", "gpus")) or "no GPU"
        _line("slot", f"{plain(slot.get('name'))}: {gpus}")
    seconds = number(outcome.get("seconds"))
    if seconds is not None:
        cpu, memory = number(outcome.get("cpu_seconds")) or 0, human_bytes(natural(outcome.get("peak_memory")) or 0)
        _line("took", f"{human_seconds(seconds)}, CPU {human_seconds(cpu)}, peak memory {memory}")
    if mapping(outcome.get("worktree")).get("modified"):
        paths = ", ".join(_texts(outcome, "worktree", "paths")[:_SHOWN])
        _line("MODIFIED", f"the worktree was changed while the job ran: {paths}")
    for problem in items(outcome.get("problems")):
        _line("problem", plain(problem))
    _print_events(outcome)
    for name, metric in list(metrics_of(outcome).items())[:_SHOWN]:
        last, least, most = (number_as_text(value) for value in (metric.last, metric.min, metric.max))
        _line("metric", f"{name} = {last}  (min {least}, max {most}, {number_as_text(metric.count)} values)")
    outputs = list(outputs_of(outcome).items())
    for path, output in outputs[:_SHOWN]:
        _line("output", _file(path, output.size, output.sha256))
    if len(outputs) > _SHOWN:
        _line("", f"… and {len(outputs) - _SHOWN} more outputs")


def _print_events(outcome: Record) -> None:
    """What the job told through `reprun_job`, and what was seen of its randomness."""
    seeded = mapping(outcome.get("seeded"))
    if seeded:
        _line("seeded", " ".join(f"{name}={plain(seed)}" for name, seed in list(seeded.items())[:_SHOWN]))
    if "unseeded" in outcome:
        draws = unseeded_draws(outcome)
        for text in draws[:_SHOWN] or ["nothing: every generator that is watched was seeded before it was used"]:
            _line("UNSEEDED" if draws else "unseeded", text)
    for label, name in (("checkpoint", "checkpoints"), ("read", "data_read")):
        for entry in list(map(mapping, items(outcome.get(name))))[-_SHOWN:]:
            step = f"  step {plain(entry.get('step'))}" if "step" in entry else ""
            _line(label, _file(plain(entry.get("path")), natural(entry.get("size")), plain(entry.get("sha256"))) + step)
