"""Jobs that say themselves when they run: one measure for all queues, whatever each calls the begin and the end of a job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from statistics import median

from bench.report import RATIO, VALUE, Measure
from bench.waits import most, waits

_PROGRAM = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec moment;
  clock_gettime(CLOCK_REALTIME, &moment);
  return moment.tv_sec + moment.tv_nsec / 1e9;
}

int main(int count, char **words) { /* FILE SLOT-or-$VARIABLE MILLISECONDS */
  double begin = now();
  char line[200];
  const char *slot = *words[2] == '$' ? getenv(words[2] + 1) : words[2]; /* the shell of others must not expand it */
  int file = open(words[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
  usleep(atoi(words[3]) * 1000);
  int size = snprintf(line, sizeof line, "%s %.7f %.7f\n", slot, begin, now());
  return write(file, line, size) != size;
}
"""


def make_marker(place: str) -> str:
    """The program; empty where there is no compiler. Linked statically: what a loader does is not the wait of a slot."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    program = os.path.join(place, "mark")
    words = [compiler or "", "-O1", "-x", "c", "-o", program, "-"]
    for more in (["-static"], []):
        if compiler and not subprocess.run([*words, *more], input=_PROGRAM.encode(), capture_output=True, check=False).returncode:
            return program
    return ""


def measure_marks(place: str, marker: str, play: Callable[[str], None], shape: tuple[int, int, int, int]) -> list[Measure]:
    """`play` runs the jobs in our queue, which write into the file that it is told; others do the same in turn. `shape`: how many
    jobs, in how many slots, of how many milliseconds, how often."""
    jobs, slots, length, rounds = shape
    found: dict[str, list[list[float]]] = {"ours": [], "parallel": [], "mlrunner": []}
    for round_ in range(-1, rounds):
        for name, of_it in found.items():
            log = os.path.join(place, f"marks-{name}-{round_}")
            if name == "ours":
                play(log)
            elif round_ < (rounds if name == "parallel" else 1):
                _OTHERS[name](log, marker, shape)
            if round_ >= 0 and os.path.exists(log):
                of_it.append(waits(_read(log)))
    ours, *others = found.values()
    what = f"{jobs} × {length} ms on {slots} slots, last to first instruction"
    lines = [
        Measure(what, [median(one) for one in ours], [median(one) for one in others[0]], VALUE, 5.0),
        Measure(f"{what}, 95 %", [most(one) for one in ours], [most(one) for one in others[0]], VALUE, 15.0),
    ]
    if others[1]:
        theirs = [median(one) for one in others[1]]
        lines.append(Measure(f"{what} (other: mlrunner)", [median(one) for one in ours], theirs, RATIO))
    return lines


def _read(log: str) -> list[tuple[str, float, float]]:
    with open(log, encoding="ascii") as file:
        rows = [line.split() for line in file]
    return [(row[0], float(row[1]), float(row[2])) for row in rows]


def _parallel(log: str, marker: str, shape: tuple[int, int, int, int]) -> None:
    if shutil.which("parallel"):
        words = ["parallel", "--will-cite", f"-j{shape[1]}", f"{marker} {log} {{%}} {shape[2]} {{}}", ":::"]
        subprocess.run([*words, *map(str, range(shape[0]))], check=True, stdin=subprocess.DEVNULL, capture_output=True)


def find_mlrunner() -> str:
    """Its program `run`: that of $REPRUN_BENCH_MLRUNNER, or the one beside this Python, where `make bench` puts it."""
    beside = os.path.join(os.path.dirname(sys.executable), "run")
    return os.environ.get("REPRUN_BENCH_MLRUNNER") or (beside if os.access(beside, os.X_OK) else "")


def _mlrunner(log: str, marker: str, shape: tuple[int, int, int, int]) -> None:
    program = find_mlrunner()
    if not program:
        return
    work = log + ".work"
    os.makedirs(work)
    with open(os.path.join(work, "params.yaml"), "w", encoding="utf-8") as file:
        file.write(f"---\ntemplate:\n  go: '{marker} {log} \\$CUDA_VISIBLE_DEVICES {shape[2]} {{n}}'\nresource: [0]\n---\n")
        file.write(f"_title: bench\nn: {list(range(shape[0]))}\n")
    words = [program, "-t", "bench", "-r", *map(str, range(shape[1]))]
    subprocess.run(words, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, check=False)


_OTHERS = {"parallel": _parallel, "mlrunner": _mlrunner}
