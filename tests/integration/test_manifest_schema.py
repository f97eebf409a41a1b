"""Real manifests are what docs/reference/manifest.schema.json says, and what is no manifest is not."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from lab import Answer, Run

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "reference" / "manifest.schema.json").read_text())
EVERYTHING = """
writable = ["results"]
data = [{ path = "conf/base.yaml" }]
carry = [".env"]
[env]
OMP_NUM_THREADS = 2
API_TOKEN = "hidden"
[preflight]
command = ["sh", "-c", "echo fine"]
"""


@pytest.fixture
def manifests(repo: Path, reprun: Any) -> list[dict[str, Any]]:
    """A plain run, and one that uses all there is."""
    (repo / "conf").mkdir(exist_ok=True)
    (repo / "conf" / "base.yaml").write_text("lr: 0.1\nseed: 3\n")
    answers: list[Answer] = [reprun("launch", "--json", "--", "true")]
    (repo / "reprun.toml").write_text(EVERYTHING)
    (repo / ".gitignore").write_text(".env\n")
    (repo / ".env").write_text("A=hidden\n")
    words = [
        "--preflight",
        "full",
        "--name",
        "all",
        "-m",
        "why",
        "--config",
        "conf/base.yaml",
        "--set",
        "lr=1e-3",
        "--gpus",
        "none",
    ]
    answers.append(reprun("launch", "--json", *words, "--", "sh", "-c", "echo {lr} > {output}/lr"))
    folders = [Path(json.loads(answer.stdout)["data"]["run_dir"]) for answer in answers]
    return [tomllib.loads((folder / "manifest.toml").read_text()) for folder in folders]


def test_every_manifest_fits_the_schema(manifests: list[dict[str, Any]], git: Run) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    for manifest in manifests:
        assert [error.message for error in validator.iter_errors(manifest)] == []
    assert [file["path"] for file in manifests[1]["carried"]] == [".env"]
    assert manifests[1]["preflight"]["level"] == "full" and len(manifests[1]["preflight"]["reports"]) == 1
    assert manifests[1]["variables"]["secret"] == ["API_TOKEN"] and "hidden" not in json.dumps(manifests)


@pytest.mark.parametrize("field", ["run_id", "code", "command", "seeds", "variables", "target"])
def test_the_schema_is_strict(manifests: list[dict[str, Any]], field: str) -> None:
    validator = Draft202012Validator(SCHEMA)
    without = copy.deepcopy(manifests[0])
    del without[field]
    assert not validator.is_valid(without) and not validator.is_valid({**manifests[0], "surprise": 1})
