"""`python -m bench`: measures everything in one go, prints tables, writes bench/results/latest.json. It never fails a target."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from bench import answers, asking, environments, far, launching, preflight, queue, storage
from bench.place import REPRUN, compile_package, scratch
from bench.project import FILE_KIB
from bench.report import Measure, render, write_json

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results", "latest.json")
PARTS = ("launch", "far", "answers", "storage", "asking", "environments", "preflight", "queue")


def main() -> int:
    """Parses the options and runs the parts; the exit status says only whether it could measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; default: everything")
    parser.add_argument("--quick", action="store_true", help="leave out 10,000 files and 100,000 runs")
    parser.add_argument(
        "--kib", type=int, default=FILE_KIB, metavar="N", help="mean size of a file of the tree (default: %(default)s)"
    )
    parser.add_argument("--output", default=RESULTS, metavar="FILE", help="where the JSON goes (default: %(default)s)")
    options = parser.parse_args()
    if not os.path.exists(REPRUN):
        print(f"{REPRUN} is not there: pip install -e . in this environment, or make bench", file=sys.stderr)
        return 2
    compile_package()
    everything: list[Measure] = []
    with scratch() as place:
        for part in options.parts or PARTS:
            lines: list[Measure] = []
            for found in _measure(part, place, quick=options.quick, kib=options.kib):
                lines += found
                for measure in found:
                    print("  ".join(measure.cells), file=sys.stderr)
            print(f"\n{render(part, lines)}\n", flush=True)
            everything += lines
    write_json(options.output, everything, place)
    missed = sum(measure.verdict == "NO" for measure in everything)
    wanted = sum(measure.target is not None for measure in everything)
    print(f"{wanted - missed} of {wanted} targets are met; every sample is in {os.path.relpath(options.output)}")
    return 0


def _measure(part: str, place: str, *, quick: bool, kib: int) -> Iterator[list[Measure]]:
    if part == "launch":
        yield from launching.measure(place, 100, 9, kib)
        if not quick:
            yield from launching.measure(place, 10_000, 7, kib)
    elif part == "far":
        yield from far.measure(place, 100, 9, kib)
    elif part == "answers":
        yield from answers.measure(place, (100, 10_000) if quick else (100, 10_000, 100_000), 15)
    elif part == "environments":
        yield from environments.measure(place, 9 if quick else 21)
    elif part == "preflight":
        yield from preflight.measure(place, 7)
    elif part == "queue":
        yield from queue.measure(place, 2 if quick else 5)
    elif part == "asking":
        yield from asking.measure(place, 500, 9)
    else:
        yield from storage.measure(place, 10)


if __name__ == "__main__":
    sys.exit(main())
