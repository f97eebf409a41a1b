"""Long histories: the manifest and the outcome of one real run, as many times as wanted, as objects under packed refs.

A real run would take half a second and leave three loose refs; `git gc` packs both, as it does with a history that grew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from bench.place import REPRUN, environment, remove, run, start_server, wait_idle
from bench.project import make_project
from reprun.core.ids import ALPHABET
from reprun.core.manifest import open_seal, seal


def make_history(place: str, count: int) -> str:
    """A repository with `count` finished runs; the index is not there yet."""
    path = make_project(os.path.join(place, f"history-{count}"), 20)
    manifest, outcome, run_id = _real_run(path, os.path.join(place, f"home-{count}"))
    head = run(["git", "rev-parse", "HEAD"], path).decode().strip()
    marks = os.path.join(place, "marks")
    stream = os.path.join(place, "stream")
    ids = list(run_ids(count))
    with open(stream, "wb") as file:
        for number, each in enumerate(ids):
            for mark, text in ((2 * number + 1, sealed_for(manifest, run_id, each)), (2 * number + 2, outcome)):
                data = text.replace(run_id.encode(), each.encode()) if text is outcome else text
                file.write(b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(data), data))
    with open(stream, "rb") as file:
        run(["git", "fast-import", "--quiet", f"--export-marks={marks}"], path, stdin=file.read())
    _write_refs(path, ids, marks, head)
    os.unlink(stream)
    os.unlink(marks)
    run(["git", "cat-file", "-e", f"refs/reprun/manifests/{ids[-1]}"], path)  # git reads what was written
    return path


def _real_run(path: str, home: str) -> tuple[bytes, bytes, str]:
    """Launches one run, takes its two records, and removes its refs."""
    start_server(home)
    _launch(path, home)
    names = run(["git", "for-each-ref", "--format=%(refname)", "refs/reprun/"], path).decode().split()
    run_id = next(name for name in names if "/runs/" in name).rpartition("/")[2]
    records = [run(["git", "cat-file", "blob", f"refs/reprun/{kind}/{run_id}"], path) for kind in ("manifests", "outcomes")]
    for name in names:
        run(["git", "update-ref", "-d", name], path)
    remove(os.path.join(path, ".git", "reprun"))
    return records[0], records[1], run_id


def launch_one(place: str, path: str, count: int) -> None:
    """One more run, for real, to its end: `ls` is most often asked when something was launched since the last time."""
    _launch(path, os.path.join(place, f"home-{count}"))


def _launch(path: str, home: str) -> None:
    metric = 'echo \'{"step": 1, "loss": 0.5}\' >"$REPRUN_METRICS"'
    run([REPRUN, "launch", "--name", "bench", "--", "sh", "-c", metric], path, environment(home))
    wait_idle(home)


def sealed_for(manifest: bytes, old: str, new: str) -> bytes:
    """The same manifest for another run, sealed anew. Its packages are left out, so that 100,000 need not fill the memory."""
    body = open_seal(manifest, old)
    start = body.find(b"packages = [")
    if start >= 0:
        body = body[:start] + b"packages = []" + body[body.index(b"\n]", start) + 2 :]
    moment = datetime.strptime(new[:15], "%Y%m%d-%H%M%S").strftime("%Y-%m-%dT%H:%M:%S.000Z")
    at = body.index(b'created = "') + 11
    body = body[:at] + moment.encode() + body[body.index(b'"', at) :]
    return seal(body.replace(old.encode(), new.encode()))


def run_ids(count: int) -> Iterator[str]:
    """Ids as of a run each nine minutes; the last is the newest."""
    start = datetime(2026, 1, 1, tzinfo=timezone.utc) - timedelta(minutes=9 * count)
    for number in range(count):
        rest = "".join(ALPHABET[(number * 7919 >> 5 * place) % 32] for place in range(6))
        yield f"{start + timedelta(minutes=9 * number):%Y%m%d-%H%M%S}-{rest}"


def _write_refs(path: str, ids: list[str], marks: str, head: str) -> None:
    """The refs, in the form in which `git pack-refs` leaves them."""
    with open(marks, encoding="ascii") as file:
        objects = dict(line.split() for line in file)
    branch = run(["git", "symbolic-ref", "HEAD"], path).decode().strip()
    lines = [f"{head} {branch}"]
    for family, first in (("manifests", 1), ("outcomes", 2), ("runs", 0)):  # by the alphabet, as packed-refs has to be
        for number, run_id in enumerate(ids):
            lines.append(f"{objects[f':{2 * number + first}'] if first else head} refs/reprun/{family}/{run_id}")
    with open(os.path.join(path, ".git", "packed-refs"), "w", encoding="ascii") as file:
        file.write("# pack-refs with: peeled fully-peeled sorted \n" + "\n".join(lines) + "\n")
