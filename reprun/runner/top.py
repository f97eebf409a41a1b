"""One look at a host for `reprun top`: its queue, how far the running jobs are, their last metrics, how busy its GPUs are."""

from __future__ import annotations

import json
import os
import time

from reprun.runner.facts import ask_gpus, is_number, read_answer
from reprun.runner.files import read_json
from reprun.runner.metrics import numbers, plain
from reprun.runner.paths import Home, RunDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

_TAIL = 1 << 16  # bytes of a file of metrics that are looked at
_LINES = 200  # of these bytes: reading all of them every two seconds is felt
_VALUES, _METRICS = 40, 6  # how much of them is told
_GPU_SECONDS = 5.0
_QUERY = (
    "nvidia-smi", "--query-gpu=index,uuid,name,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits",
)  # fmt: skip


def top(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """What `ls` of the queue says, with `gpus` and `runs`: those in its slots by their id."""
    from reprun.runner.main import handle

    asked = ask_gpus(_QUERY)
    answer = handle({"op": "queue", "do": "ls", "home": home.root})
    running = [str(slot["run_id"]) for slot in answer.get("slots", []) if slot.get("run_id")]
    runs = {run_id: look_at(home.run(run_id)) for run_id in running if os.path.basename(run_id) == run_id}
    return {
        **answer,
        "runs": runs,
        "gpus": parse_use(read_answer(asked, _GPU_SECONDS)),
        "time": time.time(),
        "hostname": os.uname().nodename,
    }


def look_at(run: RunDir) -> Dict[str, Any]:
    """Of a running job: for how many `seconds`, its last `metrics`, and `progress` from 0 to 1 where it tells."""
    try:
        started = read_json(run.started) or {}
    except ValueError:
        started = {}
    began = started.get("started")
    seconds = max(0.0, time.time() - began) if isinstance(began, (int, float)) else 0.0
    metrics = last_metrics(_tail(run.metrics))
    told = metrics.pop("progress", [])
    found: Dict[str, Any] = {"seconds": seconds}
    if told and isinstance(told[-1], (int, float)) and 0 <= told[-1] <= 1:
        found["progress"] = told[-1]
    found["metrics"] = dict(list(metrics.items())[:_METRICS])
    return found


def last_metrics(data: bytes) -> Dict[str, List[Any]]:
    """The last values of each metric in lines of JSON; what cannot be read is passed over."""
    found: Dict[str, List[Any]] = {}
    for line in data.splitlines()[-_LINES:]:
        try:
            values = list(numbers(json.loads(line.decode("utf-8"))))
        except (ValueError, RecursionError):
            continue
        for name, value in values:
            if name in found or len(found) < 100:
                kept = found.setdefault(name, [])
                kept.append(plain(value))
                del kept[:-_VALUES]
    return found


def _tail(path: str) -> bytes:
    """The end of a file that a job may have written, from the beginning of a line on; nothing of what is no file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return b""
    try:
        size = os.fstat(fd).st_size
        data = os.pread(fd, _TAIL, max(0, size - _TAIL))
    except OSError:  # a pipe, a folder
        return b""
    finally:
        os.close(fd)
    return data if size <= _TAIL else data.partition(b"\n")[2]


def parse_use(text: str) -> List[Dict[str, Any]]:
    """The table of nvidia-smi: `index`, `uuid`, `name`, `use` (percent), `used` and `memory` (MiB); None where it cannot tell."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 6 and is_number(cells[0]):
            use, used, memory = (int(cell) if is_number(cell) else None for cell in cells[3:])
            found.append({"index": int(cells[0]), "uuid": cells[1], "name": cells[2], "use": use, "used": used, "memory": memory})
    return found
