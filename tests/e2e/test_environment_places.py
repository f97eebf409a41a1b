"""Environments in folders with odd names: they work, or are refused in a sentence."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from conda_channel import Channel
from lab import Answer

Reprun = Callable[..., Answer]
NOT_UTF8 = os.fsdecode(b"caf\xe9")


def test_a_dev_tree_and_a_home_with_odd_names_get_their_environment(
    repo: Path, home: Path, conda_channel: Channel, reprun: Reprun, tmp_path: Path
) -> None:
    """py-rattler cannot even be imported in a folder that is not in UTF-8."""
    (repo / "environment.yml").write_text(f"channels: ['{conda_channel.url}']\ndependencies: [python, greeter]\n")
    tree, user = tmp_path / NOT_UTF8, tmp_path / f"user {NOT_UTF8}"
    shutil.copytree(repo, tree, symlinks=True)
    user.mkdir()
    variables = {"HOME": str(user), "REPRUN_HOME": str(home / "it's a ü place")}
    answer = reprun("launch", "--follow", "--json", "--", "sh", "-c", 'test -d "$HOME" && greet', cwd=tree, env=variables)
    assert answer.data["outcome"]["exit_code"] == 0, answer
    log = Path(answer.data["run_dir"], "stdout.log").read_text()
    assert log.startswith(f"greetings from {home}/it's a ü place/envs/")
    shown = reprun("show", "@last", "--json", cwd=tree, env=variables).data["manifest"]["variables"]
    assert "HOME" in shown["secret"] and "HOME" not in shown["values"], "what is no text cannot be written down"


def test_a_home_that_no_record_can_name_is_refused(repo: Path, home: Path, reprun: Reprun) -> None:
    for words in (["launch", "--json", "--", "true"], ["env", "lock", "--json"]):
        (repo / "environment.yml").write_text("channels: [nodefaults]\ndependencies: [dial]\n")
        answer = reprun(*words, env={"REPRUN_HOME": str(home / NOT_UTF8)})
        assert answer.rc == 2 and "REPRUN_HOME has a name that is not in UTF-8" in answer.json["error"]["message"]
        assert answer.json["error"]["hint"] == "export REPRUN_HOME=<a folder of yours>"
