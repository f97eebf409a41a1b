"""The runner's door: a JSON object with an `op` in, a JSON object out."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home, home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Tuple

OTHER_HOME = "export REPRUN_HOME=<a folder of yours>"


def handle(request: Dict[str, Any]) -> Dict[str, Any]:
    """Answers one request. Raises `RunnerError`, also for a full or forbidden disk; anything else is a fault of ours."""
    with _explained(request["op"]):
        return _OPERATIONS[request["op"]](Home(request.get("home") or home()), request)


def stream(request: Dict[str, Any]) -> Iterator[Tuple[Dict[str, Any], bytes]]:
    """Answers a request for much: with (head, bytes) as long as there is something. Raises what `handle` raises."""
    with _explained(request["op"]):
        yield from STREAMS[request["op"]](Home(request.get("home") or home()), request)


@contextmanager
def _explained(op: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = "%s (it is in REPRUN_HOME) cannot be used" % error.filename if error.filename else "the host failed (%s)" % op
        raise RunnerError("tool", "%s: %s" % (what, error.strerror), "reprun doctor, or " + OTHER_HOME) from error


def main(argv: List[str]) -> None:
    """`supervise RUN_DIR [PID START]`: what a scheduler starts; early, for the launch of that process.
    `lfs-filter`: what git starts where the dev tree uses Git LFS. `make-env`: what makes an environment, see `env_ensure`.
    `env-shell WISH`: see `env_shell`. `work [HOME]`: the worker of the queue. `view RUN_DIR`: the session of a run."""
    if len(argv) in (2, 4) and argv[0] == "supervise":
        from reprun.runner.supervisor import supervise

        launcher = {"pid": int(argv[2]), "start": int(argv[3])} if len(argv) == 4 else None
        status = supervise(argv[1], launcher)
        sys.stdout.flush()
        os._exit(status)
    if argv == ["lfs-filter"]:
        from reprun.runner.lfs_filter import serve

        serve(sys.stdin.buffer, sys.stdout.buffer)
        return
    if argv == ["make-env"]:
        from reprun.runner.env_make import make

        make(sys.stdin.buffer)
        return
    if len(argv) in (1, 2) and argv[0] == "work":
        from reprun.runner.queue_main import work

        sys.exit(work(argv[1] if len(argv) == 2 else home()))
    if len(argv) == 2 and argv[0] == "view":
        from reprun.runner.queue_session import view

        sys.exit(view(argv[1]))
    if len(argv) == 2 and argv[0] == "env-shell":
        from reprun.runner.env_shell import enter

        enter(argv[1])
    sys.exit("usage: runner supervise RUN_DIR [PID START]")


def _hello(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.hello import hello

    return hello(place, request)


def _prepare(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.start import prepare

    return prepare(place, request)


def _take(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.contents import take

    return take(place, request)


def _early(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.submit import submit_early

    return submit_early(place, request)


def _warm(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.start import warm

    return warm(place, request)


def _start(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.start import start

    return start(place, request)


def _state(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The runs by their ids, and which machine it is that answers: a name may come to lead to another one."""
    from reprun.runner.files import read_text
    from reprun.runner.state import find_state

    runs = {run_id: find_state(place.run(run_id)) for run_id in request["run_ids"]}
    return {"runs": runs, "machine_id": read_text("/etc/machine-id").strip(), "hostname": os.uname().nodename}


def _stop(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.state import find_state
    from reprun.runner.stop import stop

    run = place.run(request["run_id"])
    if find_state(run)["state"] == "queued":
        from reprun.runner.queue_ops import withdraw

        state = withdraw(place, [run.run_id], "stopped")[run.run_id]
        if state["state"] == "canceled":
            return state
    return stop(run, float(request["grace"]))


def _publish(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.publish import publish

    return {"published": publish(place.run(request["run_id"]), request["git_dir"])}


def _facts(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.inspect import inspect

    return inspect(place, request)


def _examine(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.examine import examine

    return examine(place, request)


def _read(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """A piece of a log. Bytes travel as Latin-1, which JSON keeps one to one."""
    path = getattr(place.run(request["run_id"]), {"stdout": "stdout", "stderr": "stderr"}[request["stream"]])
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            offset = request["offset"]
            file.seek(offset if offset >= 0 else max(0, size + offset))
            begin = file.tell()
            data = file.read(request["limit"])
    except FileNotFoundError:
        return {"data": "", "next": 0, "size": 0, "there": False}
    return {"data": data.decode("latin-1"), "next": begin + len(data), "size": size, "there": True}


def _list(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.housekeeping import survey

    return survey(place, request)


def _remove(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.housekeeping import remove

    return remove(place, request)


def _files(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.sending import list_files

    return list_files(place, request)


def _contents(place: Home, request: Dict[str, Any]) -> Iterator[Tuple[Dict[str, Any], bytes]]:
    from reprun.runner.sending import read_contents

    return read_contents(place, request)


def _follow(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.following import follow

    return follow(place, request)


def _session(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.following import session

    return session(place, request)


def _found(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.found import find_runs

    return find_runs(place, request)


def _records(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.found import records

    return records(place, request)


def _offer(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.found import offer

    return offer(place, request)


def _env(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.env_record import find_record

    record = find_record(place, request["digest"])
    if record is not None:
        return {"record": record}
    from reprun.runner.env_ensure import ensure

    return ensure(place, request)


def _shell(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.env_shell import shell_words

    return shell_words(place, request)


def _packages(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.env_archives import keep

    return keep(place, request)


def _capture(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.captures import read_capture

    return read_capture(place, request)


def _pythons(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.pythons import find_pythons

    return {"pythons": list(find_pythons(place, request["every"]))}


def _part(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.parting import part

    return part(place, request)


def _virtual(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.virtual import find_platform

    return find_platform()


def _enqueue(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.queue_enter import enqueue

    return enqueue(place, request)


def _queue(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.queue_ops import act

    return act(place, request)


def _top(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.top import top

    return top(place, request)


def _queue_install(place: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    from reprun.runner.queue_install import install

    return install(place, request)


_OPERATIONS: Dict[str, Callable[[Home, Dict[str, Any]], Dict[str, Any]]] = {
    "hello": _hello, "take": _take, "early": _early, "warm": _warm, "prepare": _prepare, "start": _start, "state": _state,
    "stop": _stop, "facts": _facts, "examine": _examine, "read": _read, "survey": _list, "remove": _remove, "publish": _publish,
    "files": _files, "follow": _follow, "session": _session, "found": _found, "records": _records,
    "offer": _offer, "env": _env, "shell": _shell, "packages": _packages, "virtual": _virtual, "pythons": _pythons,
    "capture": _capture, "part": _part, "enqueue": _enqueue, "queue": _queue, "top": _top, "queue_install": _queue_install,
}  # fmt: skip
STREAMS: Dict[str, Callable[[Home, Dict[str, Any]], Iterator[Tuple[Dict[str, Any], bytes]]]] = {"contents": _contents}
