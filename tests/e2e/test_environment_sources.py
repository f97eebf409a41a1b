"""What an environment can be written down in: packages of pip, pyproject.toml and meta.yaml, several files, categories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from conda_channel import Channel
from lab import Answer
from pypi_index import PypiIndex

Reprun = Callable[..., Answer]
ENVIRONMENT = """channels: ['{channel}']
dependencies: [python, greeter, pip, {{pip: [abacus]}}]
pip-repositories: ['{index}']
allow-pypi-requests: false
"""
PROJECT = """[project]
name = "mine"
dependencies = ["greeter>=1.0"]
optional-dependencies.dev = ["dialer"]
[tool.conda-lock]
channels = ["{channel}"]
"""


def environment_of(reprun: Reprun, run: str) -> dict[str, Any]:
    return dict(reprun("show", run, "--json").data["manifest"]["environment"])


def test_packages_of_pip_are_locked_installed_by_hash_and_reproduced(
    repo: Path, home: Path, conda_channel: Channel, reprun: Reprun, tmp_path: Path
) -> None:
    with PypiIndex(tmp_path / "wheels") as index:
        index.add("abacus", "1.0", "tally>=1", "greeter")
        digest = index.add("tally", "1.2")
        index.add("greeter", "1.0")  # conda has brought that
        (repo / "environment.yml").write_text(ENVIRONMENT.format(channel=conda_channel.url, index=index.url))
        code = "import sys, abacus, greeter, tally; open(sys.argv[1] + '/v', 'w').write(abacus.VERSION + tally.VERSION)"
        answer = reprun("launch", "--follow", "--json", "--", "python", "-c", code, "{output}")
        assert "environment.yml has a pip section (1 packages)" in answer.stderr
    assert Path(answer.data["run_dir"], "output", "v").read_text() == "1.01.2"
    first = environment_of(reprun, answer.data["run_id"])
    assert {"abacus==1.0", "tally==1.2", "greeter==1.0=pyh0_0"} <= set(first["packages"])
    reprun("env", "lock")
    assert digest in (repo / "conda-lock.yml").read_text()
    exported = reprun("env", "export", first["prefix"], "--json").data
    assert exported["unknown"] == [] and digest in exported["text"]
    again = reprun("reproduce", "@last", "--json")  # the index is gone
    assert (
        again.data["verdict"]["kind"] == "identical" and environment_of(reprun, again.data["run_id"])["digest"] == first["digest"]
    )


def test_several_sources_are_taken_together_and_categories_choose(
    repo: Path, home: Path, conda_channel: Channel, reprun: Reprun
) -> None:
    (repo / "pyproject.toml").write_text(PROJECT.format(channel=conda_channel.url))
    (repo / "dev.yml").write_text("category: dev\ndependencies: [fleeting]\n")
    (repo / "meta.yaml").write_text("package: {name: mine, version: '1'}\nrequirements:\n  run:\n  - antique\n")
    files = 'files = ["pyproject.toml", "dev.yml", "meta.yaml"]\n'

    def packages(categories: str) -> set[str]:
        (repo / "reprun.toml").write_text(f"[environment]\n{files}{categories}")
        answer = reprun("launch", "--json", "--", "true")
        assert answer.rc == 0, answer
        return {text.partition("=")[0] for text in environment_of(reprun, answer.data["run_id"])["packages"]}

    assert packages("") == {"greeter", "python", "antique"}
    locked = reprun("env", "lock", "--json").data
    assert locked["notes"] == [] and locked["packages"] == 6
    assert packages('categories = ["main", "dev"]\n') == {"greeter", "python", "antique", "dialer", "dial", "fleeting"}
    (repo / "reprun.toml").write_text(f'[environment]\n{files}categories = ["dve"]\n')
    answer = reprun("launch", "--json", "--", "true")
    assert answer.rc == 2 and answer.json["error"]["message"] == "the lock has no category dve: it has dev, main"


def test_other_channels_make_the_whole_lock_anew(
    repo: Path, home: Path, conda_channel: Channel, reprun: Reprun, tmp_path: Path
) -> None:
    """conda-lock keeps what an old lock says of other platforms, and refuses to when the channels are others."""
    other = conda_channel.copy(tmp_path / "other")
    other.take_away("dial", "2.0")

    def lock(channel: Channel, *words: str) -> Answer:
        (repo / "environment.yml").write_text(f"channels: ['{channel.url}']\ndependencies: [dial]\n")
        return reprun("env", "lock", "--json", *words)

    platforms = ("--platform", "linux-64", "--platform", "linux-aarch64")
    assert lock(conda_channel, *platforms).data["platforms"] == ["linux-64", "linux-aarch64"]
    refused = lock(other, "--update", "dial")
    assert refused.rc == 2 and "names other channels than the lock" in refused.json["error"]["message"]
    changed = lock(other, "--platform", "linux-64").data
    assert changed["platforms"] == ["linux-64", "linux-aarch64"]
    assert (repo / "conda-lock.yml").read_text().count("dial-1.1-") == 2
