"""The outcome as an object of the dev repository, where that is on this machine: so `git push` carries it."""

from __future__ import annotations

import os

from reprun.runner.errors import RunnerError
from reprun.runner.git import Git
from reprun.runner.paths import RunDir
from reprun.runner.pruning import keep_blob


def publish(run: RunDir, git_dir: str) -> bool:
    """Writes outcome.json under refs/reprun/outcomes. False when the repository is not there: the run folder still has it."""
    if not git_dir or not os.path.isdir(git_dir):
        return False
    git = Git(git_dir, {"GIT_DIR": git_dir})
    try:
        with open(run.outcome, "rb") as file:
            return not keep_blob(git, git_dir, "refs/reprun/outcomes/" + run.run_id, file.read())
    except (OSError, RunnerError):
        return False
