"""What became of the hooks of each run: `hooks/<run-id>/` in the state folder of the repository holds a record and the output
of each, `hooks/pending/` the runs whose end is awaited for their post-run hook."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass
from reprun.core.ids import is_run_id
from reprun.runner.identity import is_alive, is_orphan, own
from reprun.system.clock import iso_now
from reprun.system.files import (
    ensure_dir,
    explained,
    find_json,
    list_dir,
    remove_file,
    remove_tree,
    write_atomic,
    write_json,
    write_many,
)
from reprun.system.limited import Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Marks:
    """The marks in one repository."""

    state_dir: str

    def folder(self, run_id: str) -> str:
        """Where the records of one run are."""
        return os.path.join(self.state_dir, "hooks", run_id)

    def log(self, run_id: str, name: str) -> str:
        """What the hook said."""
        return os.path.join(self.folder(run_id), f"{name}.log")

    def await_end(self, run_id: str) -> None:
        """Notes that the end of this run is awaited."""
        path = self._pending(run_id)
        with explained(path, "written"):
            ensure_dir(os.path.dirname(path))
            write_atomic(path, b"", durable=False)

    def await_ends(self, run_ids: Iterable[str]) -> None:
        """The same for many."""
        write_many(os.path.dirname(self._pending("")), dict.fromkeys(run_ids, b""))

    def awaited(self) -> list[str]:
        """The runs whose end is awaited."""
        return [name for name in list_dir(os.path.join(self.state_dir, "hooks", "pending")) if is_run_id(name)]

    def runs(self) -> list[str]:
        """The runs of which anything is noted."""
        noted = [name for name in list_dir(os.path.join(self.state_dir, "hooks")) if is_run_id(name)]
        return sorted({*noted, *self.awaited()})

    def torn(self) -> Iterator[str]:
        """The paths of what was being written when its process was killed."""
        top = os.path.join(self.state_dir, "hooks")
        for folder in (top, *(os.path.join(top, name) for name in list_dir(top) if is_run_id(name) or name == "pending")):
            for name in list_dir(folder):
                if name.endswith(".tmp") and is_orphan(name):
                    yield os.path.join(folder, name)

    def settle(self, run_id: str) -> None:
        """Waits no longer."""
        remove_file(self._pending(run_id))

    def claim(self, run_id: str, name: str) -> bool:
        """True for the one process, of all that ever ask, that is to run the hook for this run."""
        path = self._record(run_id, name)
        if os.path.lexists(path):
            return False
        aside = f"{path}.{os.getpid()}.tmp"
        with explained(path, "written"):
            ensure_dir(os.path.dirname(path))
            write_json(aside, {"state": "running", "at": iso_now(), "process": own()})
            try:
                os.link(aside, path)
            except FileExistsError:
                return False
            except OSError:  # a disk without hard links
                return _create(path)
            finally:
                os.unlink(aside)
        return True

    def write(self, run_id: str, name: str, ended: Ended | None, **more: Any) -> None:
        """Notes how the hook ended, with what it said; None: it could not be started."""
        status = None if ended is None else ended.status
        state = "not started" if ended is None else "out of time" if status is None else "ended"
        with explained(self.folder(run_id), "written"):
            ensure_dir(self.folder(run_id))
            if ended is not None:
                head = f"… {ended.dropped} bytes before this were not kept\n".encode() if ended.dropped else b""
                write_atomic(self.log(run_id, name), head + ended.said, durable=False)
            write_json(self._record(run_id, name), {"state": state, "status": status, "at": iso_now(), **more})

    def read(self, run_id: str, name: str) -> dict[str, Any]:
        """What is noted of the hook: `state` is `running`, `interrupted`, `ended`, `out of time` or `not started`."""
        with suppress(OSError, ReprunError):
            found = find_json(self._record(run_id, name)) or {}
            if found.get("state") == "running" and not is_alive(found.get("process")):
                found["state"] = "interrupted"
            return found
        return {}

    def forget(self, run_id: str) -> None:
        """Removes all that is noted of a run that was refused."""
        with explained(self.folder(run_id), "removed"):
            remove_tree(self.folder(run_id))
            self.settle(run_id)

    def _pending(self, run_id: str) -> str:
        return os.path.join(self.state_dir, "hooks", "pending", run_id)

    def _record(self, run_id: str, name: str) -> str:
        return os.path.join(self.folder(run_id), f"{name}.json")


def _create(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return False
    return True
