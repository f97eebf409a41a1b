"""Answering `reprun launch`: what was asked for, done and told. No Typer here: see `quick`."""

from __future__ import annotations

import sys

from reprun.cli.envelope import answer, is_json, say
from reprun.cli.progress import progress
from reprun.commands.build_spec import LaunchOptions, build_launch
from reprun.commands.launch import Launched
from reprun.commands.launch import launch as start
from reprun.core.frozen import dataclass
from reprun.core.outcome import RunState, exit_status
from reprun.core.text import show
from reprun.repo.discover import Asked
from reprun.workspace import Workspace, open_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class LaunchRequest:
    """A launch as it was typed."""

    options: LaunchOptions
    dry_run: bool = False
    follow: bool = False


def answer_launch(request: LaunchRequest, asked: Asked | None = None) -> int:
    """Launches, or shows what a launch would do, and returns the exit status. `asked` is what git was asked early."""
    workspace = open_workspace(asked=asked)
    spec = build_launch(workspace, request.options)
    if request.dry_run:
        return _show_plan(workspace, spec)
    if workspace.settings.push:
        from reprun.cli.notes import say_backup

        say_backup(workspace)
    if workspace.repository.has_hooks():
        from reprun.cli.hook_asking import settle_hooks

        settle_hooks(workspace)
    with progress() as tell:
        launched = start(workspace, spec, tell=tell)
    if workspace.notes:
        from reprun.cli.notes import say_notes

        say_notes(workspace)
    if not request.follow:
        return answer(launched_data(launched), lambda: print_launched(launched))
    if not is_json():
        print_launched(launched)
    return follow_to_the_end(workspace, launched)


def launched_data(launched: Launched) -> dict[str, Any]:
    """`data` of the JSON answer of a launch; docs/reference/json.md."""
    return {
        "run_id": launched.run_id,
        "name": launched.name,
        "commit": launched.snapshot.commit,
        "tree": launched.snapshot.tree,
        "ref": launched.snapshot.ref,
        "worktree": launched.worktree.path,
        "store": launched.worktree.store,
        "run_dir": launched.job.run_dir,
        "session": launched.job.session,
        "target": launched.target,
        "attach": list(launched.job.attach),
        "state": launched.job.state,
        **({"reason": launched.job.reason} if launched.job.reason else {}),
        **({"retries": list(launched.retries)} if launched.retries else {}),
    }


def print_launched(launched: Launched) -> None:
    """The few lines after a launch: what it is called, what was committed, where its output goes, what to type next."""
    snapshot = launched.snapshot
    counts = ", ".join(
        f"{count} {word}"
        for count, word in ((snapshot.changed, "changed"), (snapshot.added, "new"), (snapshot.deleted, "deleted"))
        if count
    )
    print(f"{launched.run_id}{'  ' + show(launched.name) if launched.name else ''}")
    during = f", during a {snapshot.operation}" if snapshot.operation else ""
    print(f"  commit    {snapshot.commit[:12]}  {f'snapshot with {counts}' if counts else 'as committed'}{during}")
    print(f"  output    {launched.job.run_dir}/output")
    if launched.job.state == "queued":
        print(f"  state     queued{f' ({show(launched.job.reason)})' if launched.job.reason else ''}")
        if launched.retries:
            print(f"  retries   {len(launched.retries)} more run{'s' * (len(launched.retries) > 1)}, for when it fails")
        on = f" --on {show(launched.target)}" if launched.target != "local" else ""
        say(f"reprun logs -f {launched.run_id}   reprun queue{on}")
        return
    print(f"  state     {launched.job.state}")
    say(f"reprun logs -f {launched.run_id}" + (f"   reprun attach {launched.run_id}" if launched.job.session else ""))


def follow_to_the_end(workspace: Workspace, launched: Launched) -> int:
    """Shows the log as it is written and returns the run's exit status. Ctrl-C ends the following, not the run."""
    from reprun.cli.seen import after_seeing

    state, data = follow_launched(workspace, launched)
    status = answer(data, lambda: print(f"{launched.run_id}  {state.words}"), exit_status(state))
    after_seeing(workspace)
    return status


def follow_launched(workspace: Workspace, launched: Launched) -> tuple[RunState, dict[str, Any]]:
    """Shows the log as it is written; the state at the end, and what there is to answer."""
    import gc

    from reprun.commands.following import await_start, follow
    from reprun.commands.waiting import wait
    from reprun.store.rows import Row

    row = Row(launched.run_id, target=launched.target, run_dir=launched.job.run_dir)
    gc.enable()  # it was of no use to a launch, which is short
    sys.stdout.flush()  # the log goes below the text layer, and must not overtake it
    try:
        if launched.job.state == "queued":
            await_start(workspace, row, say)
        for stream, piece in follow(workspace, row, tell=say):
            target = sys.stderr.buffer if stream == "stderr" or is_json() else sys.stdout.buffer
            target.write(piece)
            target.flush()
        state = wait(workspace, row)
    except KeyboardInterrupt:
        say(f"\nthe run goes on: reprun logs -f {launched.run_id}, or reprun stop {launched.run_id}")
        raise
    workspace.record()
    data = {**launched_data(launched), "state": state.state, "state_words": state.words, "outcome": state.record}
    if state.record.get("unseeded"):
        from reprun.cli.notes import say_unseeded

        say_unseeded(launched.run_id, state.record)
    return state, data


def _show_plan(workspace: Workspace, spec: Any) -> int:
    from reprun.cli.explaining import explanation_data, print_explanation
    from reprun.commands.env_foresee import foresee_environment
    from reprun.commands.records import spec_data
    from reprun.repo.explain import explain_snapshot

    explanation = explain_snapshot(workspace.repository, workspace.settings.rules())
    environment = foresee_environment(workspace, spec)

    def human() -> None:
        print("would run  " + " ".join(show(word) for word in spec.argv))
        if spec.target != "local":
            print(f"on         {show(spec.target)}, which was not asked")
        print(f"seeds      {spec.seeds.root} ({spec.seeds.origin})")
        print(f"packages   {environment.words}")
        for what, names in spec.preflight.get("rehearsal", {}).items():
            print(f"before it  {show(', '.join(names)) if what == 'sanity' else 'the determinism probe'}")
        print_explanation(explanation, spec.carried)

    data = {"spec": spec_data(spec), "snapshot": explanation_data(explanation, spec.carried), "environment": environment.data()}
    return answer(data, human)
