"""`pre-launch` and `post-launch`. Only imported where hooks are."""

from __future__ import annotations

from reprun.commands.hook_context import ground_of, repository_data, run_of_spec
from reprun.core.asides import add_aside
from reprun.core.errors import RefusedError, ReprunError, ToolError
from reprun.core.hooking import render_context
from reprun.core.spec import Attempt, Job, RunSpec, Snapshot
from reprun.core.text import show_block
from reprun.hooks.finding import Hook, find_hooks
from reprun.hooks.marks import Marks
from reprun.hooks.running import joined, last_words, run_hook, running
from reprun.hooks.trust import Trust
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from reprun.system.limited import Ended


class LaunchHooks:
    """The hooks that a launch meets, in the repository of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.ground = ground_of(workspace)
        self.trust, self.marks = Trust(workspace.repository.state_dir), Marks(workspace.repository.state_dir)
        self.seconds = workspace.settings.hook_rules().timeout

    def asking(self, spec: RunSpec, attempt: Attempt, tell: Callable[[str], None]) -> Callable[[Snapshot], None]:
        """`before` for one launch."""
        return lambda snapshot: self.before(spec, attempt, snapshot, tell)

    def before(self, spec: RunSpec, attempt: Attempt, snapshot: Snapshot, tell: Callable[[str], None]) -> None:
        """Lets `pre-launch` look at what is going to be launched, once for each snapshot of a run.

        Raises `RefusedError` when it says no, or cannot say yes: it is not trusted, cannot be started, takes too long.
        """
        run_id, hooks = attempt.run_id, find_hooks(self.ground, "pre-launch")
        asked = {"commit": snapshot.commit, "sha256": ",".join(hook.digest for hook in hooks)}
        passed = self.marks.read(run_id, "pre-launch") if hooks and not attempt.first else {}
        if hooks and {**passed, **asked, "status": 0} != passed:
            self._ask(hooks, run_of_spec(run_id, spec, snapshot), asked, tell)
        if find_hooks(self.ground, "post-run"):
            self.marks.await_end(run_id)

    def await_ends(self, run_ids: Sequence[str]) -> None:
        """Notes that `post-run` is to hear of runs that are about to be launched together."""
        if find_hooks(self.ground, "post-run"):
            self.marks.await_ends(run_ids)

    def after(self, spec: RunSpec, snapshot: Snapshot, job: Job, **more: Any) -> None:
        """Tells `post-launch` of a job that was started, once, whoever carries the launch on. What becomes of it is said, and
        changes nothing. `more` is told besides, such as the other runs of a sweep."""
        hooks = find_hooks(self.ground, "post-launch")
        if not hooks or "post-launch" in running():
            return
        try:
            fit = [hook for hook in hooks if not self._is_passed_over(hook)]
            if not fit or not self.marks.claim(job.run_id, "post-launch"):
                return
            run = {**run_of_spec(job.run_id, spec, snapshot), "run_dir": job.run_dir, "state": job.state}
            ends = []
            for hook in fit:
                ends.append(self._run(hook, run, **more))
                say_failure(hook, ends[-1], self.seconds)
            digests = ",".join(hook.digest for hook in fit)
            self.marks.write(job.run_id, "post-launch", joined(ends), commit=snapshot.commit, sha256=digests)
        except (ReprunError, OSError) as error:
            add_aside(f"the post-launch hook was not run: {error}")

    def _ask(self, hooks: list[Hook], run: dict[str, Any], asked: dict[str, str], tell: Callable[[str], None]) -> None:
        for hook in hooks:
            self._require(hook)
        ends: list[Ended] = []
        for hook in hooks:
            if hook.is_executable:
                tell("running the pre-launch hook")
                ends.append(self._run(hook, run))
            if ends and ends[-1].status != 0:
                break
        self.marks.write(str(run["run_id"]), "pre-launch", joined(ends), **asked)
        if ends:
            self._judge(hook, ends[-1])

    def _is_passed_over(self, hook: Hook) -> bool:
        if not (self.trust.distrust(hook) or hook.trouble or not hook.is_executable):
            return False
        add_aside(f"{why_not(hook, self.trust)}; it was not run")
        return True

    def _require(self, hook: Hook) -> None:
        if hook.name in running():
            raise RefusedError(
                "the pre-launch hook launches a run itself, which would run it again, for ever", hint=f"edit {hook.shown}"
            )
        if hook.trouble:
            raise RefusedError(f"the pre-launch hook {hook.shown} cannot be run: {hook.trouble}", hint="reprun hooks ls")
        if not hook.is_executable:
            add_aside(f"{why_not(hook, self.trust)}; it was not run")
        else:
            self.trust.require(hook)

    def _run(self, hook: Hook, run: dict[str, Any], **more: Any) -> Ended:
        context = render_context(hook.name, "dev", run, repository=repository_data(self.workspace), **more)
        repository = self.workspace.repository
        try:
            return run_hook(hook, repository.top, repository.git.where, context, self.seconds)
        except ToolError as error:
            if hook.name == "pre-launch":
                raise RefusedError(f"the pre-launch hook was not run: {error.message}", hint="reprun hooks ls") from error
            raise

    def _judge(self, hook: Hook, ended: Ended) -> None:
        if ended.status == 0:
            return
        words = show_block(last_words(ended))
        said = f":\n{words}" if words else ", and says nothing"
        what = f"did not end within {self.seconds:g} s, and was ended" if ended.status is None else f"says no{how(ended)}"
        hint = "[hooks] timeout in reprun.toml gives it more time" if ended.status is None else hook.shown
        raise RefusedError(f"the pre-launch hook {what}, so nothing was started{said}", hint=hint)


def how(ended: Ended) -> str:
    """` (exit status 1)`."""
    assert ended.status is not None
    return f" (signal {-ended.status})" if ended.status < 0 else f" (exit status {ended.status})"


def why_not(hook: Hook, trust: Trust) -> str:
    """Why a hook is passed over, as a sentence without its end."""
    if hook.trouble:
        return f"the {hook.name} hook {hook.shown} cannot be run: {hook.trouble}"
    if not hook.is_executable:
        return f"the {hook.name} hook {hook.shown} is not executable (chmod +x)"
    return f"{trust.distrust(hook)} (reprun hooks trust {hook.name})"


def say_failure(hook: Hook, ended: Ended, seconds: float, of: str = "") -> None:
    """Says what went wrong in a hook that decides nothing."""
    if ended.status == 0:
        return
    what = f"did not end within {seconds:g} s, and was ended" if ended.status is None else f"failed{how(ended)}"
    words = " / ".join(last_words(ended, 3).splitlines())
    add_aside(f"the {hook.name} hook{of} {what}" + (f": {words}" if words else ""))
