"""The pre-launch hook that reprun brings: it becomes `reprun preflight` with the options of the launch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOOK = Path(__file__).parents[3] / "hooks" / "pre-launch"
RUN = {
    "run_id": "20261121-031601-m4k7qx", "target": "gpu1", "gpus": "",
    "command": {"argv": ["python", "-c", "$(x)"], "cwd": "conf"},
    "seeds": {"root": 7, "origin": "option"}, "config": {"source": "conf/base.yaml", "sets": ["lr=1", "-x=2"], "values": {}},
}  # fmt: skip


def program(folder: Path, text: str) -> Path:
    path = folder / "reprun"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_it_becomes_preflight_for_the_same_launch(repo: Path, tmp_path: Path) -> None:
    path = program(tmp_path, 'pwd; printf "%s\\n" "$@"; exit 3')
    words = f"import sys; sys.argv[0] = {str(path)!r}; from reprun.commands.hook_exec import pre_launch; pre_launch([], print)"
    data = json.dumps({"run": RUN}).encode()
    done = subprocess.run([sys.executable, "-c", words], input=data, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode().splitlines()) == (3, [
        f"{repo}/conf", "preflight", "--on=gpu1", f"--config={repo}/conf/base.yaml", "--set=lr=1", "--set=-x=2", "--seed=7",
        "--", "python", "-c", "$(x)",
    ])  # fmt: skip


@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("earlier", [None, 0, 9])
def test_the_script_hands_everything_on(tmp_path: Path, status: int, earlier: int | None) -> None:
    """And asks the hook that was there first."""
    import shutil

    hook = tmp_path / "pre-launch"
    shutil.copy(HOOK, hook)
    if earlier is not None:
        before = tmp_path / "pre-launch.before-reprun"
        before.write_text(f'#!/bin/sh\necho earlier "$@"; cat; exit {earlier}\n')
        before.chmod(0o755)
    path = program(tmp_path, f'echo "$@"; cat; exit {status}')
    env: dict[str, Any] = {"PATH": "/usr/bin:/bin", "REPRUN_EXECUTABLE": str(path)}
    done = subprocess.run([str(hook), "ID"], input=b'{"run": 1}\n', env=env, capture_output=True, check=False)
    said = ["earlier ID", '{"run": 1}'] if earlier is not None else []
    said += [] if earlier else ["hooks exec pre-launch ID", '{"run": 1}']
    assert (done.returncode, done.stdout.decode().splitlines()) == (earlier or status, said)
