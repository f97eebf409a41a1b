"""The start of a run on another machine, sent behind the question for its worktree: the two take one round trip.

The manifest says what the host answers to `prepare`, so that answer is foreseen: it is nearly always the last one. The manifest
is sealed with it while the host is at work, and the host starts the run only if its answer is the one that was foreseen. If it
is not, nothing was started from that manifest: it is withdrawn, and another is sealed with what the host has said.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from reprun.commands import steps
from reprun.commands.delivery import ask_with_code
from reprun.commands.records import BEGUN, Sealed
from reprun.core.errors import RefusedError, ToolError
from reprun.core.spec import RunSpec, Snapshot
from reprun.hosts.base import Behind
from reprun.preflight.clearing import clear
from reprun.preflight.disk import MINIMUM
from reprun.repo import refs
from reprun.runner.digests import sha256
from reprun.runner.foreseen import digest_of
from reprun.runner.variables import is_private, is_secret
from reprun.store.manifests import digest_of as digest_of_text
from reprun.store.manifests import parse_manifest
from reprun.system.files import find_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.commands.preparing import Ready
    from reprun.targets import Target
    from reprun.workspace import Workspace

_KEPT = 8  # answers of a host that are remembered: of so many programs, folders and the like
_ASKED = (
    "key", "cwd", "writable", "variables", "pass_env", "gpus", "data", "form", "accept", "environment", "project", "preflight",
)  # fmt: skip


class Ahead:
    """`sealed` is the manifest of a start that was sent ahead, None without one; `answer` is what the host said of that start,
    None when it is not known."""

    def __init__(self, workspace: Workspace, target: Target, spec: RunSpec, ready: Ready) -> None:
        self.workspace, self.target, self.spec, self.attempt = workspace, target, spec, ready.attempt
        self.ready = ready
        self.memo = _Memo(workspace, target)
        self.journal = workspace.journal(self.attempt.run_id)
        self.sealed: Sealed | None = None
        self.answer: dict[str, Any] | None = None
        self.foreseen: dict[str, Any] = {}
        self.expects = ""
        self._request: dict[str, Any] | None = None

    def prepare(self, request: dict[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
        """Asks for the worktree; what the host answers, with `BEGUN` where the manifest that was sealed ahead stands."""
        snapshot, host = self.ready.snapshot, self.target.host
        behind = Behind(lambda: self._start(snapshot, request), steps.load_index)
        answer = ask_with_code(self.workspace, host, snapshot, request, tell, behind if self.attempt.first else None)
        if "lacks_environment" in answer:  # then the host has started nothing either
            if self.sealed is not None:
                self._withdraw()
            return answer
        self.memo.keep(request, answer, self.expects)
        if not self.attempt.first:
            self._recall(answer)
        return answer if self.sealed is None else self._settle(self.sealed, answer, behind)

    def _start(self, snapshot: Snapshot, request: dict[str, Any]) -> dict[str, Any] | None:
        """The start to send, sealed the first time that it is wanted; None when nothing is foreseen, or it would be refused."""
        if request.get("preflight", {}).keys() & {"tests", "command"}:  # their report is another one each time
            return None
        if "rehearsal" in self.spec.preflight or self.spec.queue.get("retries"):  # what comes before the start needs the answer
            return None
        if self._request is not None or not (foreseen := self.memo.foresee(request)):
            return self._request
        try:
            cleared = clear(self.attempt, self.spec, foreseen)
            whole = {**foreseen, "locked": self.ready.locked}
            sealed = steps.make_manifest(self.target, self.spec, snapshot, whole, cleared)
            start = steps.start_request(self.workspace, self.target, self.spec, foreseen, sealed)
            standing = str(foreseen["standing"])
        except (RefusedError, LookupError, TypeError, ValueError, AttributeError):  # what is remembered is no answer of today
            return None
        self.foreseen, self.expects = foreseen, digest_of(foreseen)
        steps.keep_manifest(self.workspace, sealed, foreseen=self.expects)
        self.journal.write("ahead", standing=standing)
        self.sealed, self._request = sealed, self._conditional(start)
        return self._request

    def _conditional(self, start: dict[str, Any]) -> dict[str, Any]:
        return {**start, "expects": self.expects, "needs_bytes": MINIMUM}

    def _settle(self, sealed: Sealed, answer: dict[str, Any], behind: Behind) -> dict[str, Any]:
        """Whether the manifest stands. Where it is not known what became of the start, the host is asked once more."""
        said = behind.answer
        if (said is None or said.get("differs")) and digest_of(answer) != self.expects:
            if behind.unheard or not self.attempt.first:
                steps.check_machine(sealed.manifest, self.target, answer)  # else somebody else is asked than was told to start
                start = steps.start_request(self.workspace, self.target, self.spec, answer, sealed)
                said = self.target.host.ask(self._conditional(start))
            if said is None or said.get("differs"):
                self._withdraw()
                return answer
        if said is None or said.get("differs"):
            return {**answer, BEGUN: self}
        self.answer = said
        return {**(self.foreseen or answer), "measured": answer.get("measured", {}), BEGUN: self}

    def _withdraw(self) -> None:
        self.sealed = None
        refs.delete_ref(self.workspace.repository, refs.MANIFESTS + self.attempt.run_id)
        self.journal.write("withdrawn")

    def _recall(self, prepared: Mapping[str, Any]) -> None:
        """The manifest that an earlier try has sealed ahead."""
        expects, repository = foreseen_by(self.workspace, self.attempt.run_id), self.workspace.repository
        text = next(refs.read_blobs(repository.git, [refs.MANIFESTS + self.attempt.run_id]), None) if expects else None
        if text is None or digest_of_text(text) != self.journal.digest():
            return
        manifest = parse_manifest(text, self.attempt.run_id)
        self.sealed = Sealed(manifest, text.decode(), clear(self.attempt, self.spec, prepared))
        self.expects = expects


def foreseen_by(workspace: Workspace, run_id: str) -> str:
    """The digest of the answer with which the manifest of a run was sealed ahead; empty for one that was sealed after it."""
    return str((workspace.journal(run_id).find("sealed") or {}).get("foreseen", ""))


class _Memo:
    """What a host has answered to `prepare`. It may be wrong, and be deleted: then a launch takes one round trip more."""

    def __init__(self, workspace: Workspace, target: Target) -> None:
        name = sha256(target.host.place.encode()).hexdigest()[:16]
        self.path = os.path.join(workspace.repository.state_dir, "foreseen", f"{name}.json")

    def foresee(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The last answer to such a request, as that for another run and commit; None when there was none."""
        try:
            last = self._read()[_asked(request)]
            text = json.dumps(last["answer"])
            for name in ("run_id", "commit"):
                if not last[name]:
                    return None
                text = text.replace(last[name], request[name])
            found = json.loads(text)
        except (LookupError, TypeError, ValueError):
            return None
        if isinstance(found, dict):
            found.pop("measured", None)
        return found if isinstance(found, dict) else None

    def keep(self, request: Mapping[str, Any], answer: Mapping[str, Any], expected: str) -> None:
        """Remembers the answer, unless it is the `expected` one. Values of secrets are not written down: then nothing is."""
        private = {name for name in answer["inherited"] if is_private(name)}
        private -= {name for name in answer.get("activated", ()) if not is_secret(name)}
        if digest_of(answer) == expected or private:
            return
        last = {"run_id": request["run_id"], "commit": request["commit"], "answer": dict(answer)}
        known = {name: entry for name, entry in self._read().items() if name != _asked(request)}
        try:
            write_json(self.path, {**dict(list(known.items())[1 - _KEPT :]), _asked(request): last})
        except ToolError:
            return

    def _read(self) -> dict[str, Any]:
        try:
            return find_json(self.path) or {}
        except OSError:
            return {}


def _asked(request: Mapping[str, Any]) -> str:
    """A name for all that the answer depends on."""
    asked = [request["argv"][0], [item["path"] for item in request["carry"]], *(request.get(name) for name in _ASKED)]
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
