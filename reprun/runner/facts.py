"""Facts of the host: what a number may depend on. GPUs are asked of nvidia-smi, which is slow and so asked apart."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import subprocess
import sys
import time

from reprun.runner.files import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

_QUERY = ("nvidia-smi", "--query-gpu=index,name,uuid,memory.total,driver_version", "--format=csv,noheader,nounits")
_MOST = 1 << 20  # bytes of an answer
GPU_SECONDS = 20  # a driver that has hung must not hold a run's record for ever


def host_facts() -> Dict[str, Any]:
    """Host name, machine id, system, kernel, CPU model and count, memory in bytes, and this Python."""
    system = _os_release()
    return {
        "hostname": os.uname().nodename,
        "machine_id": read_text("/etc/machine-id").strip(),
        "os": system,
        "kernel": os.uname().release,
        "arch": os.uname().machine,
        "cpu": _cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "runner_python": "%d.%d.%d" % sys.version_info[:3],
    }


def _os_release() -> str:
    for line in read_text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip('"')
    return os.uname().sysname


def _cpu_model() -> str:
    # Only the head of the file: on large machines the whole of it takes the kernel long to make up.
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in itertools.islice(file, 40):
                if line.startswith(("model name", "Model", "Hardware")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return os.uname().machine


def ask_gpus(query: "Sequence[str]" = _QUERY) -> "Optional[subprocess.Popen[bytes]]":
    """Starts nvidia-smi beside other work; None on a machine without it."""
    try:
        # In a session of its own: what a wrapper of it has started can be ended with it.
        return subprocess.Popen(
            query, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        return None


def read_gpus(asked: "Optional[subprocess.Popen[bytes]]") -> List[Dict[str, Any]]:
    """The GPUs as `{index, name, uuid, memory (MiB), driver}`; empty without nvidia-smi or when it does not answer."""
    return parse_gpus(read_answer(asked, GPU_SECONDS))


def read_answer(asked: "Optional[subprocess.Popen[bytes]]", seconds: float) -> str:
    """What nvidia-smi said; empty without it, when it failed, when it took longer, and when it says no end of things."""
    if asked is None or asked.stdout is None:
        return ""
    until, data, poll = time.monotonic() + seconds, b"", select.poll()
    poll.register(asked.stdout, select.POLLIN)
    while len(data) <= _MOST and poll.poll(max(0.0, until - time.monotonic()) * 1000):
        piece = os.read(asked.stdout.fileno(), 1 << 16)
        data += piece
        if not piece:
            asked.stdout.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = asked.wait(max(0.0, until - time.monotonic()))
                return data.decode("utf-8", "replace") if status == 0 else ""
            break
    give_up(asked)
    return ""


def give_up(asked: "subprocess.Popen[bytes]") -> None:
    """Ends it, and hardly waits: one that hangs in the driver does not go."""
    with contextlib.suppress(OSError):
        os.killpg(asked.pid, signal.SIGKILL)
    if asked.stdout is not None:
        asked.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        asked.wait(1)


def parse_gpus(text: str) -> List[Dict[str, Any]]:
    """Reads the table of nvidia-smi (`--format=csv,noheader,nounits`)."""
    gpus = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 5 and is_number(cells[0]):
            memory = int(cells[3]) if is_number(cells[3]) else 0
            gpus.append({"index": int(cells[0]), "name": cells[1], "uuid": cells[2], "memory": memory, "driver": cells[4]})
    return gpus


def is_number(cell: str) -> bool:
    """Whether a cell of the table is a whole number."""
    return cell.isascii() and cell.isdigit()
