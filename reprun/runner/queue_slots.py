"""The slots of a host: GPUs by their UUIDs, or processors; and what a job gets to know of the slots that it holds."""

from __future__ import annotations

import json
import os
import re
import time

from reprun.runner.errors import RunnerError
from reprun.runner.facts import GPU_SECONDS, ask_gpus, read_answer, read_gpus
from reprun.runner.queue_db import Table
from reprun.runner.queue_policy import Machine, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

CPU = "cpu"
_MOST = 1024
_SLURM = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
_UUID = re.compile(r"(GPU|MIG)-[A-Za-z0-9/-]{1,80}")
LIST = ("nvidia-smi", "-L")
_GPU = re.compile(r"GPU ([0-9]+): .*\(UUID: (GPU-[A-Za-z0-9-]+)\)")
_MIG = re.compile(r"\s+MIG .*Device +([0-9]+): +\(UUID: (MIG-[A-Za-z0-9/-]+)\)")


def set_slots(table: Table, names: "Optional[Sequence[Any]]", cpu_slots: int) -> List[Slot]:
    """Writes what the user wants: `names` such as 0, 1, "2,3" or a UUID, None for one slot of each GPU; so many processor slots
    beside them. With nothing of both it is left to the worker again. Raises `RunnerError`."""
    if not isinstance(cpu_slots, int) or not 0 <= cpu_slots <= _MOST or len(names or ()) > _MOST:
        raise RunnerError("usage", "a host has 0 to %d slots of each kind" % _MOST, "reprun queue slots 0 1")
    wanted = names is not None and (len(names) or cpu_slots)
    slots = _named(names or ()) if wanted else one_each(_devices()) if cpu_slots else []
    slots += [Slot("%s%d" % (CPU, number)) for number in range(cpu_slots)]
    write_slots(table, slots, configured=True)
    return slots


def write_slots(table: Table, slots: Sequence[Slot], configured: bool) -> None:
    """Replaces the slots."""
    with table.writing() as db:
        db.execute("DELETE FROM slots")
        for position, slot in enumerate(slots):
            values = (position, slot.name, json.dumps(slot.gpus), int(configured))
            db.execute("INSERT INTO slots (position, name, gpus, configured) VALUES (?, ?, ?, ?)", values)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('slots', ?)", (table.change(),))


def find_slots(table: Table) -> "Tuple[List[Slot], bool]":
    """The slots, and whether the user has set them."""
    rows = table.db.execute("SELECT name, gpus, configured FROM slots ORDER BY position").fetchall()
    slots = [Slot(row["name"], tuple(json.loads(row["gpus"]))) for row in rows]
    return slots, any(row["configured"] for row in rows)


def usual_slots() -> List[Slot]:
    """One for each GPU that nvidia-smi names; else one that hides nothing."""
    return one_each(_devices()) or [Slot(CPU)]


def machine_of(slots: Sequence[Slot], blocked: "Dict[str, str]") -> Machine:
    """What there is to give out; `blocked`: why not, by GPU."""
    shown = []
    for slot in slots:
        why = next((blocked[gpu] for gpu in slot.gpus if gpu in blocked), "")
        shown.append(slot._replace(blocked=why))
    return Machine(tuple(shown), len(os.sched_getaffinity(0)), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def variables(slots: Sequence[Slot], is_hidden: bool = False) -> Dict[str, str]:
    """What the job sees of the slots it holds, and of the GPUs: no others; none, where it `is_hidden` from them.

    UUIDs are NVIDIA's. Of others the index is all there is, and `HIP_VISIBLE_DEVICES` takes it; `ROCR_VISIBLE_DEVICES` would
    count again among those that are left. A job that was written for Slurm reads the numbers that its GPUs have on the host.
    """
    gpus = [] if is_hidden else [gpu for slot in slots for gpu in slot.gpus]
    env = {"REPRUN_SLOT": "+".join(slot.name for slot in slots), "REPRUN_GPUS": ",".join(gpus)}
    if not is_hidden and [slot.name for slot in slots] == [CPU]:
        return env
    env["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    if all(_UUID.fullmatch(gpu) for gpu in gpus):
        env["NVIDIA_VISIBLE_DEVICES"] = ",".join(gpus) or "void"
    if not any(_UUID.fullmatch(gpu) for gpu in gpus):
        env.update(dict.fromkeys(("HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"), ",".join(gpus)))
    numbers = [part for slot in slots for part in slot.name.partition("#")[0].split(",")]
    if gpus and all(number.isdigit() for number in numbers):
        env.update(dict.fromkeys(_SLURM, ",".join(numbers)))
    return env


def parse_list(text: str) -> Dict[str, str]:
    """What `nvidia-smi -L` lists, by name: `0` for a GPU; `1:0` and so on for the MIG instances of one that is divided, which
    itself is not there: a process that is shown it would get the first of them."""
    found: Dict[str, str] = {}
    gpu = ""
    for line in text.splitlines():
        whole, part = _GPU.match(line), _MIG.match(line)
        if whole:
            gpu = whole[1]
            found[gpu] = whole[2]
        elif part and gpu:
            found.pop(gpu, None)
            found["%s:%s" % (gpu, part[1])] = part[2]
    return found


def _devices() -> Dict[str, str]:
    asked, listed, until = ask_gpus(), ask_gpus(LIST), time.monotonic() + GPU_SECONDS
    found = {str(gpu["index"]): str(gpu["uuid"]) for gpu in read_gpus(asked)}
    parts = parse_list(read_answer(listed, until - time.monotonic()))
    divided = {name.partition(":")[0] for name in parts if ":" in name}
    found = {name: uuid for name, uuid in found.items() if name not in divided}
    return {**found, **parts}


def one_each(devices: "Dict[str, str]") -> List[Slot]:
    """A slot for each GPU, of its name."""
    return [Slot(name, (uuid,)) for name, uuid in devices.items()]


def _named(names: Sequence[Any]) -> List[Slot]:
    known = _devices()
    slots, seen = [], {}  # type: List[Slot], Dict[str, int]
    for name in names:
        text = str(name).replace(" ", "")
        gpus = tuple(_find_gpu(part, known) for part in text.split(","))
        if len(set(gpus)) != len(gpus):
            raise RunnerError("usage", "the slot %s names a GPU twice" % text, "reprun queue slots 0 1 2,3")
        seen[text] = seen.get(text, 0) + 1
        slots.append(Slot(text if seen[text] == 1 else "%s#%d" % (text, seen[text]), gpus))
    return slots


def _find_gpu(part: str, known: Dict[str, str]) -> str:
    if part in known:
        return known[part]
    if _UUID.fullmatch(part):
        found = [uuid for uuid in known.values() if uuid.startswith(part)]
        if len(found) == 1 or part.startswith("MIG-"):
            return found[0] if found else part
    elif part.isascii() and part.isdigit() and len(part) < 5 and not known:
        return part  # other makers' GPUs go by their number
    raise RunnerError("usage", "there is no GPU %s on this host" % part, "nvidia-smi -L")
