"""What a job finds: its command filled in, its config, its seeds, its environment, and what it may write."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, files_with, launch, output_of, run, show
from lab import Run

from reprun.core.seeds import derive

pytestmark = pytest.mark.e2e
# By its path: `python` may be a shim that changes the environment before it starts the real one.
ARGV = (sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))")
ENVIRON = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")


def words_of(reprun: Reprun, *words: str) -> list[str]:
    """The command line as the job gets it; `words` begins with options of `launch`, then `--`, then arguments."""
    at = words.index("--")
    return list(json.loads(output_of(reprun, *words[:at], "--", *ARGV, *words[at + 1 :])))


def environ_of(reprun: Reprun, *options: str, **how: Any) -> dict[str, str]:
    return dict(json.loads(output_of(reprun, *options, "--", *ENVIRON, **how)))


def test_placeholders(repo: Path, reprun: Reprun) -> None:
    (repo / "c.yaml").write_text("lr: 1e-3\noptimizer: {name: sgd, nesterov: true}\nsizes: [1, 2]\n")
    asked = ["{lr}", "{optimizer.name}", "{optimizer.nesterov}", "{sizes.1}", "--x={lr}", "{seed}", "{run_id}"]
    data = launch(reprun, "--config", "c.yaml", "--seed", "7", "--", *ARGV, *asked, "{output}", "{config}", "{worktree}")
    reprun("wait", data["run_id"])
    got = json.loads(reprun("logs", data["run_id"]).stdout)
    assert got[:7] == ["0.001", "sgd", "true", "2", "--x=0.001", "7", data["run_id"]]
    assert got[7:] == [f"{data['run_dir']}/output", f"{data['run_dir']}/config.yaml", data["worktree"]]


def test_what_is_no_placeholder_reaches_the_job_as_it_is(repo: Path, reprun: Reprun) -> None:
    literal = ["${HOME}", '{"a": 1}', '{"a": {"b": [2]}}', "{}", "{0}", "{ x }", "$HOME", "*", "a;b", "`id`", "", "-n", "é\n\t"]
    assert words_of(reprun, "--", "{{x}}", "{{a.b}}", *literal) == ["{x}", "{a.b}", *literal]


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("c.yaml", "lr: 0.1 # note\nm:\n  n: a\n", {"lr": 0.001, "m": {"n": "b c"}}),
        ("c.json", '{"lr": 0.1, "m": {"n": "a"}}', {"lr": 0.001, "m": {"n": "b c"}}),
        ("c.toml", 'lr = 0.1\n[m]\nn = "a"\n', {"lr": 0.001, "m": {"n": "b c"}}),
    ],
)
def test_the_config_is_resolved_handed_over_and_recorded(repo: Path, reprun: Reprun, name: str, text: str, want: Any) -> None:
    (repo / name).write_text(text)
    sets = ("--set", "lr=1e-3", "--set", "m.n=b c")
    data = run(reprun, "--config", name, *sets, "--", "sh", "-c", 'cat "$REPRUN_CONFIG" {config}')
    table = show(reprun, data["run_id"])["manifest"]["config"]
    given = Path(data["run_dir"], name.replace("c.", "config.")).read_text()
    assert reprun("logs", data["run_id"]).stdout == given * 2 == table["text"] * 2
    assert table["sets"] == ["lr=1e-3", "m.n=b c"] and table["source"] == name
    parsed = _parse(name, given)
    assert parsed == want and isinstance(parsed["lr"], float)


def _parse(name: str, text: str) -> Any:
    import tomllib

    import yaml

    return {".json": json.loads, ".toml": tomllib.loads}.get(Path(name).suffix, yaml.safe_load)(text)


def test_a_config_that_nobody_changes_keeps_its_bytes(repo: Path, reprun: Reprun) -> None:
    text = "# a comment\nlr:   0.1\n\n...\n"
    (repo / "c.yaml").write_text(text)
    assert output_of(reprun, "--config", "c.yaml", "--", "cat", "{config}") == text


def test_seeds_are_never_unknown(repo: Path, reprun: Reprun) -> None:
    env = environ_of(reprun, "--seed", "7")
    assert env["REPRUN_SEED"] == "7" and env["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    for name in ("python", "numpy", "torch", "data"):
        assert env[f"REPRUN_SEED_{name.upper()}"] == str(derive(7, name))
    assert env["PYTHONHASHSEED"] == env["REPRUN_SEED_PYTHON"]
    (repo / "c.yaml").write_text("seed: 5\nseeds: {numpy: 1, augment: 2}\n")
    env = environ_of(reprun, "--config", "c.yaml")
    assert (env["REPRUN_SEED"], env["REPRUN_SEED_NUMPY"], env["REPRUN_SEED_AUGMENT"]) == ("5", "1", "2")
    assert show(reprun, "@last")["manifest"]["seeds"]["origin"] == "config"
    env = environ_of(reprun)
    seeds = show(reprun, "@last")["manifest"]["seeds"]
    assert seeds["origin"] == "drawn" and env["REPRUN_SEED"] == str(seeds["root"])


def test_the_environment_is_clean_and_recorded(repo: Path, reprun: Reprun, home: Path) -> None:
    (repo / "reprun.toml").write_text('pass_env = ["WANDB_API_KEY"]\n[env]\nFOO = "bar"\nDEPTH = 3\n')
    outer = {"STRANGER": "1", "WANDB_API_KEY": "very-secret-4711", "GIT_DIR": "/nowhere", "PYTHONPATH": "/nowhere"}
    code = "import os; print(sorted(os.environ), os.environ['PYTHONPATH'], len(os.environ['WANDB_API_KEY']))"
    words = ["--", "python", "-c", code]
    data = run(reprun, *words, env=outer)
    said = reprun("logs", data["run_id"]).stdout
    assert "'FOO'" in said and "'DEPTH'" in said and said.strip().endswith("16")
    assert not any(f"'{name}'" in said for name in ("STRANGER", "GIT_DIR", "TMUX", "TMUX_PANE")) and "/nowhere" not in said
    variables = show(reprun, data["run_id"])["manifest"]["variables"]
    assert variables["values"]["FOO"] == "bar" and variables["values"]["DEPTH"] == "3"
    assert variables["secret"] == ["WANDB_API_KEY"] and "WANDB_API_KEY" not in variables["values"]
    assert files_with(b"very-secret-4711", home, repo) == []


def test_what_the_manifest_says_of_the_environment_is_what_the_job_got(repo: Path, reprun: Reprun) -> None:
    env = environ_of(reprun, "--gpus", "none", env={"CUDA_VISIBLE_DEVICES": "3", "TZ": "Asia/Tokyo"})
    values = show(reprun, "@last")["manifest"]["variables"]["values"]
    assert env["CUDA_VISIBLE_DEVICES"] == "" and env["TZ"] == "Asia/Tokyo"
    assert {name: env.get(name) for name in values} == values


def test_the_job_has_its_own_variables(repo: Path, reprun: Reprun) -> None:
    data = run(reprun, "--config", "conf/base.yaml", "--", *ENVIRON)
    env = json.loads(reprun("logs", data["run_id"]).stdout)
    assert env["REPRUN_RUN_ID"] == data["run_id"]
    assert env["REPRUN_OUTPUT"] == data["run_dir"] + "/output" and Path(env["REPRUN_OUTPUT"]).is_dir()
    assert env["REPRUN_CONFIG"] == data["run_dir"] + "/config.yaml"
    assert os.path.dirname(env["REPRUN_METRICS"]) == data["run_dir"]


def test_bytecode_stays_out_of_the_worktree(repo: Path, reprun: Reprun) -> None:
    (repo / "pkg").mkdir()
    (repo / "pkg" / "__init__.py").write_text("X = 1\n")
    data = run(reprun, "--", "python", "-c", "import pkg; print(pkg.__cached__)")
    assert not reprun("logs", data["run_id"]).stdout.startswith(data["worktree"])
    assert not list(Path(data["worktree"]).rglob("__pycache__"))
    assert show(reprun, data["run_id"])["outcome"]["worktree"]["modified"] is False


def test_the_worktree_is_read_only_but_for_what_is_declared(repo: Path, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text('writable = ["outputs", "deep/er"]\n')
    (repo / "outputs").mkdir()
    (repo / "outputs" / "seen.txt").write_text("committed\n")
    script = "echo a >> outputs/seen.txt && echo b > outputs/new && echo c > deep/er/new && ls -ld . train.py"
    data = run(reprun, "--", "sh", "-c", script)
    outcome = show(reprun, data["run_id"])["outcome"]
    assert outcome["exit_code"] == 0 and outcome["worktree"]["modified"] is False
    assert {"tree/outputs/seen.txt", "tree/outputs/new", "tree/deep/er/new"} <= {item["path"] for item in outcome["outputs"]}
    assert all("w" not in line.split()[0] for line in reprun("logs", data["run_id"]).stdout.splitlines())
    assert (repo / "outputs" / "seen.txt").read_text() == "committed\n" and not (repo / "deep").exists()
    again = output_of(reprun, "--", "cat", "outputs/seen.txt")
    assert again == "committed\n"  # the next run gets a tree of its own


def test_a_writable_link_opens_nothing_outside(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (outside / "precious").chmod(0o444)
    (repo / "outputs").symlink_to(outside)
    (repo / "reprun.toml").write_text('writable = ["outputs"]\n')
    reprun("launch", "--follow", "--", "true")
    assert (outside / "precious").stat().st_mode & 0o777 == 0o444


def test_a_worktree_that_a_job_changed_is_noticed_and_not_used_again(repo: Path, git: Run, reprun: Reprun) -> None:
    change = "chmod u+w . train.py; echo '#' >> train.py; echo x > stray"
    first = run(reprun, "--", "sh", "-c", change)
    noticed = show(reprun, first["run_id"])["outcome"]["worktree"]
    assert noticed["modified"] is True and set(noticed["paths"]) == {"train.py", "stray"}
    assert "MODIFIED" in reprun("show", first["run_id"]).stdout
    second = run(reprun, "--", "sh", "-c", "cat train.py; ls")
    assert reprun("logs", second["run_id"]).stdout == "print('training')\nconf\ntrain.py\n"
    assert git("status", "--porcelain") == ""


def test_git_in_a_job_touches_nothing_of_the_dev_repository(repo: Path, git: Run, reprun: Reprun) -> None:
    commit = "git -c user.name=e -c user.email=e commit -q --allow-empty -m e"
    script = f"git checkout -q -b evil && {commit}; git tag evil; git config a.b c"
    before = git("for-each-ref", "refs/heads", "refs/tags"), (repo / ".git" / "config").read_text()
    data = run(reprun, "--", "sh", "-c", script)
    assert (git("for-each-ref", "refs/heads", "refs/tags"), (repo / ".git" / "config").read_text()) == before
    assert show(reprun, data["run_id"])["outcome"]["worktree"]["modified"] is True
