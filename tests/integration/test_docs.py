"""The documentation is run as it stands, page by page, and its links lead somewhere.

Every `console` and `sh` block of a page runs in order in one shell, in a practice project, with a home of its
own. In a `console` block the lines that start with `$ ` are commands (a `\\` at the end carries on to a line that
starts with `> `), and the other lines are what they print: numbers, ids and spaces may differ, `…` stands for
anything. A block after a comment `<!-- not run: why -->` is left alone. A page with a comment `<!-- needs a host: gpu1 -->`
gets a host of that name (see ssh_lab.py), and an `ssh` that knows it, as if ~/.ssh/config did.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lab import REPRUN
from ssh_lab import SshLab
from typer.main import get_command

from reprun.cli.app import COMMANDS, build
from reprun.commands.demo import prepare_demo
from reprun.config.schema import SCHEMA
from reprun.runner.variables import INHERITED

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("hooks/*.md")])
RUN = [ROOT / "README.md", *sorted(ROOT.glob("docs/tutorial/*.md")), *sorted(ROOT.glob("docs/how-to/*.md"))]
SECONDS = 120  # for one page
MARK = "@@ block line"


@dataclass
class Command:
    """A command of a page, the line where it stands, and the lines that it prints according to the page."""

    line: int
    text: str
    expected: list[str] = field(default_factory=list)


def read_commands(page: str) -> list[Command]:
    """The commands of all blocks of a page that are to be run."""
    return [command for line, kind, body in _blocks(page) for command in _commands(line, kind, body)]


def _blocks(page: str) -> Iterator[tuple[int, str, list[str]]]:
    kind, start, body, last = "", 0, [], ""
    for number, line in enumerate(page.splitlines(), 1):
        if kind:
            if line.strip() == "```":
                yield start, kind, body
                kind = ""
            else:
                body.append(line)
        elif fence := re.fullmatch(r"\s*```(\w*)", line):
            skip = last.strip().startswith("<!-- not run: ")
            kind, start, body = ("skipped" if skip else fence[1] or "text"), number, []
        if line.strip():
            last = line


def _commands(start: int, kind: str, body: list[str]) -> Iterator[Command]:
    if kind == "sh":
        yield Command(start + 1, "\n".join(body))
    if kind != "console":
        return
    command: Command | None = None
    for number, line in enumerate(body, start + 1):
        if line.startswith("$ "):
            if command:
                yield command
            command = Command(number, line[2:])
        elif command is None:
            raise AssertionError(f"line {number}: a console block begins with output")
        elif command.text.endswith("\\") and line.startswith("> ") and not command.expected:
            command.text += "\n" + line[2:]
        else:
            command.expected.append(line)
    if command:
        yield command


def plain(line: str) -> str:
    """A line of output without what differs from run to run: ids, hashes, numbers, spaces."""
    line = re.sub(r"\b\d{8}-\d{6}-[0-9a-z]{6}\b", "ID", line)
    line = re.sub(r"\b[0-9a-f]{7,64}\b", "HASH", line)
    return " ".join(re.sub(r"\d+(?:\.\d+)*", "0", line).split())


def find_missing(expected: list[str], printed: list[str]) -> str:
    """The first expected line that is not among the printed ones, in order; empty when all are there."""
    lines = iter([plain(line) for line in printed])
    for text in expected:
        pattern = re.compile(".*".join(re.escape(part) for part in plain(text).split("…")))
        if plain(text) and not any(pattern.fullmatch(line) for line in lines):
            return text
    return ""


def run_page(commands: list[Command], cwd: str) -> dict[int, list[str]]:
    """Runs the commands in one shell until one fails; what each printed, by its line."""
    script = "".join(
        f"printf '\\n{MARK} {command.line}\\n'\n{{\n{command.text}\n}} 2>&1 </dev/null || exit $?\n" for command in commands
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script + f"printf '\\n{MARK} 0\\n'"],
        cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    parts = re.split(rf"^{MARK} (\d+)\n", done.stdout, flags=re.MULTILINE)
    printed = {int(line): text.splitlines() for line, text in zip(parts[1::2], parts[2::2], strict=True)}
    if done.returncode or done.stderr:
        line = list(printed)[-1]
        said = "\n".join([*printed[line], done.stderr])
        raise AssertionError(f"line {line}: exit status {done.returncode}\n{said}")
    return printed


def find_hosts(page: Path) -> list[str]:
    """The hosts that a page needs."""
    return re.findall(r"^<!-- needs a host: (\w+) -->$", page.read_text(), flags=re.MULTILINE)


def add_host(lab: SshLab, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts a host, and puts an `ssh` in front of PATH that knows it."""
    lab.host(name)
    folder.mkdir(exist_ok=True)
    ssh = folder / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {lab.config} "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def _params() -> list[Any]:
    found = []
    for page in RUN:
        marks = [pytest.mark.needs("ssh", "ssh-keygen", "sshd")] if find_hosts(page) else []
        found.append(pytest.param(page, marks=marks, id=str(page.relative_to(ROOT))))
    return found


@pytest.mark.parametrize("page", _params())
def test_what_the_page_shows_is_what_happens(
    page: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    project = prepare_demo(str(tmp_path / "digits"))
    conf = Path(project.folder, "conf", "base.yaml")  # an edited file as it is; each training of twelve takes seconds
    conf.write_text(conf.read_text().replace("epochs: 12", "epochs: 4"))
    monkeypatch.setenv("PATH", os.pathsep.join([os.path.dirname(REPRUN), os.environ["PATH"]]))
    for name in find_hosts(page):
        add_host(request.getfixturevalue("ssh_lab"), name, tmp_path / "bin", monkeypatch)
    commands = read_commands(page.read_text())
    printed = run_page(commands, project.folder)
    for command in commands:
        said = printed[command.line]
        missing = find_missing(command.expected, said)
        assert not missing, f"{page.name}:{command.line}: not printed: {missing!r}\n" + "\n".join(said)


def test_there_is_something_to_run() -> None:
    pages = [page.name for page in RUN if read_commands(page.read_text())]
    assert {
        "README.md",
        "first-run.md",
        "reproduce-a-run.md",
        "share-runs.md",
        "writable-paths.md",
        "carry-ignored-files.md",
        "run-on-another-machine.md",
    } <= set(pages)


def test_every_command_and_option_is_in_the_reference() -> None:
    parts = re.split(r"^## reprun (\w+)$", (ROOT / "docs/reference/commands.md").read_text(), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    commands = get_command(build(None)).commands  # type: ignore[attr-defined]
    assert list(sections) == list(COMMANDS)
    for name, command in commands.items():
        parts = getattr(command, "commands", {"": command}).values()  # of a group its commands
        options = {word for part in parts for option in part.params for word in option.opts if word.startswith("--")}
        written = set(re.findall(r"`(--[a-z-]+)", sections[name]))
        assert written == options, name


def test_every_setting_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text()
    top = set(re.findall(r"^\| `(\w+)` ", page.partition("\n## `[env]`")[0], flags=re.MULTILINE))
    tables = set(re.findall(r"^## `\[(\w+)\]`", page, flags=re.MULTILINE))
    assert top | tables == set(SCHEMA)


def test_every_inherited_variable_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/environment-variables.md").read_text()
    section = page.partition("## What a job inherits")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z_*]+)`", section)) == set(INHERITED)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("https://", "http://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/*/*.md")]
    assert pages and not [page for page in pages if f"]({page})" not in index]
