"""All hostile texts at once in real launches: as words, values, file names, names, reasons. The job gets them as they were."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, run, says_nicely, show
from hostile import hostile
from lab import Run

from reprun.config.formats import parse_value
from reprun.core.text import is_recordable

pytestmark = pytest.mark.e2e
_PLACEHOLDER = re.compile(r"\{([A-Za-z_])")
JOB = """
import json, os, sys
folder = os.environ["REPRUN_OUTPUT"]
found = {"argv": sys.argv[2:], "config": open(sys.argv[1]).read(), "files": {}, "env": os.environ["HOSTILE"]}
for where, _, names in os.walk("files"):
    found["files"].update({name: open(os.path.join(where, name), newline="").read() for name in names})
json.dump(found, open(folder + "/found.json", "w"))
"""


@pytest.fixture
def texts(tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    canary = tmp_path / "canary"
    monkeypatch.setenv("BASH_ENV", str(canary))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return [text for text in hostile(canary) if is_recordable(text)]


@pytest.fixture(autouse=True)
def nothing_was_executed(tmp_path: Path, home: Path, repo: Path) -> object:
    yield
    assert not (tmp_path / "canary").exists()
    assert list(tmp_path.glob("reprun-report*")) == []


def test_words_values_and_files(repo: Path, git: Run, reprun: Reprun, texts: list[str]) -> None:
    (repo / "job.py").write_text(JOB)
    (repo / "files").mkdir()
    named = [text for text in texts if text not in ("", ".", "..") and "/" not in text and len(os.fsencode(text)) < 250]
    named = [text for text in named if text.lower() not in (".git", "git~1", ".gitmodules", ".gitattributes", ".gitignore")]
    named = [text for text in named if "\u200c" not in text and "\u200d" not in text]  # .git, as some file systems have it
    for text in named:
        (repo / "files" / text).write_text(text, newline="")
    (repo / "reprun.toml").write_text(f"[env]\nHOSTILE = {json.dumps('$(touch canary) #(x) `y`')}\n")
    words = [text for text in texts if not _PLACEHOLDER.search(text)]
    values = {f"k{number}": text for number, text in enumerate(texts) if _is_value(text)}
    sets = [word for key, text in values.items() for word in ("--set", f"+{key}={text}")]
    assert len(named) > 200 and len(words) > 300 and len(values) > 300
    why = "\n".join(texts)
    data = run(reprun, "-m", why, "--name", "$(touch x) #(y) \x1b[2J", *sets, "--", "python", "job.py", "{config}", *words)
    found = json.loads(Path(data["run_dir"], "output", "found.json").read_text())
    assert found["argv"] == words
    assert found["files"] == {text: text for text in named}
    assert found["env"] == "$(touch canary) #(x) `y`"
    import yaml

    assert len(yaml.safe_load(found["config"])) == len(values)
    manifest = show(reprun, data["run_id"])["manifest"]
    assert manifest["command"]["argv"] == ["python", "job.py", "{config}", *words]
    assert manifest["why"] == why and manifest["config"]["sets"] == sets[1::2] and manifest["config"]["text"] == found["config"]
    tree = git("-c", "core.quotePath=false", "ls-tree", "-z", "--name-only", f"{data['commit']}:files").split("\0")
    assert sorted(filter(None, tree)) == sorted(named)
    for words_of in (
        ["show", "@last"],
        ["ls"],
        ["status"],
        ["diff", "@last", "@last"],
        ["snapshot"],
        ["reproduce", "--plan", "@last"],
    ):
        answer = reprun(*words_of)
        assert answer.rc == 0 and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", answer.stdout + answer.stderr), words_of
    assert reprun("reproduce", "@last").rc in (0, 7)


def _is_value(text: str) -> bool:
    try:
        parse_value(text)
    except Exception:
        return False
    return True


def test_names_and_messages_of_commits(repo: Path, git: Run, reprun: Reprun, texts: list[str]) -> None:
    """On a branch, where the name of the run goes into the commit's message; the message of HEAD is hostile as well."""
    (repo / "reprun.toml").write_text('auto_commit = "branch"\n')
    git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", stdin="\n".join(texts).replace("\0", "").encode())
    names = [
        "-x",
        "--amend",
        "$(touch x)",
        "#(touch x)",
        "#{pane_id}",
        "\x1b]0;x\x07",
        ":(glob)**",
        "{0}",
        "%s",
        "'; DROP TABLE runs; --",
    ]
    for name in names:
        (repo / "f").write_text(name)
        answer = reprun("launch", "--json", "--name", name, "--", "true")
        if answer.rc == 2:
            assert name.startswith("-")
            continue
        assert git("log", "-1", "--format=%B", answer.data["commit"]) == f"reprun: {name} {answer.data['run_id']}"
        assert reprun("ls", "--json", "--name", name).data[0]["name"] == name
        assert reprun("show", "--json", name).data["run_id"] == answer.data["run_id"]


def test_words_that_are_no_text_are_refused(repo: Path, reprun: Reprun) -> None:
    for bad in (os.fsdecode(b"\xff\xfe"), os.fsdecode(b"x\xc3")):
        for words in (
            ["-m", bad, "--", "true"],
            ["--name", bad, "--", "true"],
            ["--", "true", bad],
            ["--set", f"+a={bad}", "--", "true"],
        ):
            answer = reprun("launch", *words)
            assert answer.rc == 2 and says_nicely(answer), (words, answer)
    assert reprun("ls", "--json").data == []


def test_a_hostile_folder_to_launch_from(repo: Path, reprun: Reprun) -> None:
    for name in ("$(touch x)", "#(touch x)", "a\nb", "-rf", "{config}", "'\"", "\x1b[2J"):
        folder = repo / name
        folder.mkdir()
        (folder / "f").write_text("x")
        data = launch(reprun, "--", "sh", "-c", "pwd", cwd=folder)
        reprun("wait", data["run_id"])
        assert show(reprun, data["run_id"])["manifest"]["command"]["cwd"] == name
        assert reprun("logs", data["run_id"]).stdout.endswith(f"/{name}\n")
