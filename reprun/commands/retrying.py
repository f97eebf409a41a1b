"""Further attempts at a queued run. A run starts at most once, so each of them is a run of its own that is sealed beforehand and
waits behind the one before: it starts only if that fails, also when this machine is off by then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from reprun.commands.records import spec_data, spec_from_manifest
from reprun.commands.reproduce import with_carried
from reprun.core.errors import NotFoundError, RefusedError, ReprunError, UsageError
from reprun.core.frozen import replace
from reprun.core.ids import make_run_id
from reprun.runner.digests import sha256
from reprun.runner.identity import own
from reprun.system.clock import iso_now, seconds_before

if TYPE_CHECKING:
    from reprun.commands.launch import Tell
    from reprun.core.spec import Attempt
    from reprun.workspace import Workspace


def ensure_spares(workspace: Workspace, run_id: str, tell: Tell) -> list[str]:
    """The ids of the further attempts at a queued run, which are queued where they are not yet. May be repeated."""
    from reprun.commands.launch import launch

    manifest = workspace.manifest(run_id)
    asked: dict[str, Any] = dict(manifest.table("run").get("queue", {}))
    retries = int(asked.pop("retries", 0))
    spares = spares_of(run_id, retries)
    for attempt, spare in enumerate(spares, 2):
        journal = workspace.journal(spare)
        if journal.find("submit"):
            continue
        tell(f"queueing attempt {attempt}")
        before = spares[attempt - 3] if attempt > 2 else run_id
        queue = {**asked, "attempt": attempt, "retry_of": before}
        target = str(manifest.table("target").get("name", "local"))
        why = f"attempt {attempt} at {run_id}"
        spec = replace(with_carried(workspace, spec_from_manifest(manifest)), target=target, why=why, queue=queue)
        if not journal.exists():
            journal.write("begin", created=iso_now(), spec=spec_data(spec), process=own())
        launch(workspace, spec, spare, tell)
    return spares


@contextmanager
def spares_before(workspace: Workspace, attempt: Attempt, tell: Tell) -> Iterator[list[str]]:
    """`ensure_spares`, before the run itself is queued in the block. Where its launch is taken back they are too: else they would
    wait for a run that nobody knows."""
    try:
        yield ensure_spares(workspace, attempt.run_id, tell)
    except (RefusedError, UsageError, KeyboardInterrupt):
        if attempt.first and not workspace.journal(attempt.run_id).find("submit"):
            with suppress(ReprunError, OSError):
                _take_back(workspace, attempt.run_id)
        raise


def _take_back(workspace: Workspace, run_id: str) -> None:
    from reprun.commands.queue_care import keep_canceled
    from reprun.commands.steps import forget

    target = workspace.target(str(workspace.manifest(run_id).table("target").get("name", "local")))
    begun = [spare for spare in attempts_at(workspace, run_id)[1:] if workspace.journal(spare).exists()]
    said = target.host.ask({"op": "queue", "do": "rm", "runs": begun, "reason": "its launch was taken back"})
    for spare in begun:
        if spare not in said.get("removed", ()):
            forget(workspace, target, spare)
    keep_canceled(workspace, [str(spare) for spare in said.get("removed", ())])


def attempts_at(workspace: Workspace, run_id: str) -> list[str]:
    """A run, and those that stand in for it if it fails."""
    try:
        asked = workspace.manifest(run_id).table("run").get("queue", {})
    except NotFoundError:  # its launch has not come so far
        return [run_id]
    return [run_id, *spares_of(run_id, int(asked.get("retries", 0)))]


def spares_of(run_id: str, retries: int) -> list[str]:
    """The ids of the further attempts at a run."""
    return [spare_id(run_id, attempt) for attempt in range(2, retries + 2)]


def spare_id(run_id: str, attempt: int) -> str:
    """The id of a further attempt: always the same, and just before that of the run, which so stays the newest."""
    stamp, milliseconds = seconds_before(run_id, attempt)
    return make_run_id(stamp, milliseconds, sha256(f"{run_id} {attempt}".encode()).digest()[:4])
