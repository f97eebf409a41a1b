"""The GPUs of a job: what they are busy with, and whether the frameworks of its environment can work with them."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, List, Optional

from reprun.runner.interpreter import which
from reprun.runner.probe import Context, Facts
from reprun.runner.probe_process import Done, Ways, run_probe

_GPUS = ("--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits")
_PROCESSES = ("--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader,nounits")
_CUDA = re.compile(rb"CUDA[A-Z ]* Version:\s*([0-9]+(?:\.[0-9]+)*)")
_MIG = re.compile(rb"^\s+MIG .*\(UUID: (MIG-[^)\s]+)\)", re.MULTILINE)
_SECONDS = 20.0
_BOOT = "import sys; sys.path[:] = [p for p in sys.path if p]; exec(compile(open(%r).read(), 'gpu_product', 'exec'))"


def probe(context: Context) -> Facts:
    """`busy` and `short` are indices of GPUs, `absent` MIG devices that are not there, `cuda` is what the driver can do,
    `products` what each framework computed; `trouble` is why nothing is known of any."""
    wanted = context.ask["gpu"]
    smi = which("nvidia-smi", {**os.environ, **context.env}, context.cwd)
    facts: Dict[str, Any] = {"busy": [], "short": [], "absent": [], "cuda": "", "products": [], "trouble": ""}
    free: Dict[str, int] = {}
    seen = _run(smi, _GPUS, context) if smi is not None else None
    known = parse_free(seen.out) if seen is not None else []
    if seen is not None and (seen.status != 0 or not known):
        facts["trouble"] = _why(seen)
    if smi is not None and known:
        gpus = [gpu for gpu in known if is_wanted(gpu, wanted["wanted"])]
        facts["absent"] = _absent(smi, wanted["wanted"], context)
        used = parse_processes(_ask(smi, _PROCESSES, context))
        facts["busy"] = sorted(gpu["index"] for gpu in gpus if gpu["uuid"] in used)
        facts["short"] = sorted(gpu["index"] for gpu in gpus if gpu["free"] is not None and gpu["free"] << 20 < wanted["memory"])
        facts["cuda"] = parse_cuda(_ask(smi, (), context))
        free = {str(gpu["index"]): gpu["free"] for gpu in gpus if gpu["free"] is not None}
    if wanted.get("product") and context.interpreter is not None:
        facts["products"] = _products(context)
    return facts, {"free": free}


def parse_free(data: bytes) -> List[Dict[str, Any]]:
    """`index`, `uuid` and `free` (MiB; None where it is `[N/A]`, as for memory that is shared with the processor) of each GPU."""
    rows = [[cell.strip() for cell in line.split(",")] for line in data.decode("utf-8", "replace").splitlines()]
    return [
        {"index": int(row[0]), "uuid": row[1], "free": int(row[2]) if _is_number(row[2]) else None}
        for row in rows
        if len(row) == 3 and _is_number(row[0]) and row[1].startswith("GPU-")
    ]


def parse_processes(data: bytes) -> List[str]:
    """The UUIDs of the GPUs on which a process computes."""
    rows = [[cell.strip() for cell in line.split(",")] for line in data.decode("utf-8", "replace").splitlines()]
    return sorted({row[0] for row in rows if len(row) == 2 and row[0].startswith("GPU-") and _is_number(row[1])})


def parse_cuda(data: bytes) -> str:
    """The newest CUDA that the driver knows, as nvidia-smi prints it above its table."""
    found = _CUDA.search(data)
    return found[1].decode("ascii") if found else ""


def is_wanted(gpu: Dict[str, Any], wanted: str) -> bool:
    """Whether it is among those of `--gpus`; all are where none are named."""
    return not wanted or any(
        part == str(gpu["index"]) or (part.startswith("GPU-") and gpu["uuid"].startswith(part)) for part in wanted.split(",")
    )


def parse_migs(data: bytes) -> List[str]:
    """The UUIDs of the MIG devices that `nvidia-smi -L` lists below their GPUs."""
    return [found.decode("ascii", "replace") for found in _MIG.findall(data)]


def _absent(smi: str, wanted: str, context: Context) -> List[str]:
    """MIG devices of `--gpus` that are not there; none where nvidia-smi cannot list them."""
    asked = [part for part in wanted.split(",") if part.startswith("MIG-")]
    done = _run(smi, ("-L",), context) if asked else None
    if done is None or done.status != 0:
        return []
    there = parse_migs(done.out)
    return [part for part in asked if not any(one.startswith(part) for one in there)]


def _why(done: Done) -> str:
    """What nvidia-smi says of itself where it knows of no GPU."""
    if done.status is None:
        return "it does not answer within %g s" % _SECONDS
    lines = (done.out.strip() or done.err.strip()).decode("utf-8", "replace").splitlines()
    return lines[0].strip()[:300] if lines else "it ends with status %d" % done.status


def _is_number(cell: str) -> bool:
    return cell.isascii() and cell.isdigit()


def _ask(smi: str, words: Any, context: Context) -> bytes:
    done = _run(smi, words, context)
    return done.out if done is not None and done.status == 0 else b""


def _run(smi: str, words: Any, context: Context) -> Optional[Done]:
    try:
        return run_probe([smi, *words], context, Ways(seconds=_SECONDS))
    except OSError:
        return None


def _products(context: Context) -> List[Dict[str, Any]]:
    """What each framework says: `framework`, `built` (for GPUs), `fine`, and `said` where it is not."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe_product.py")
    done = run_probe([str(context.interpreter), "-c", _BOOT % script], context, Ways(result=True))
    found = []
    for line in done.result.splitlines():
        try:
            item = json.loads(line.decode("utf-8"))
        except ValueError:
            continue
        if isinstance(item, dict) and isinstance(item.get("framework"), str):
            found.append({"framework": item["framework"], "built": bool(item.get("built")), "fine": bool(item.get("fine")),
                          "said": str(item.get("said", ""))[:300]})  # fmt: skip
    begun = [item["framework"] for item in found if item["said"] == "begun"]
    ended = {item["framework"] for item in found if item["said"] != "begun"}
    lost = [name for name in begun if name not in ended]
    why = "not done within %g s" % context.ask["seconds"] if done.status is None else done.last_line() or "the interpreter died"
    found = [item for item in found if item["said"] != "begun"]
    return found + [{"framework": name, "built": False, "fine": False, "said": why} for name in lost]
