"""`reprun init`: looks at what a project has and writes a `reprun.toml` that explains every setting."""

from __future__ import annotations

import os
from collections.abc import Iterable

from reprun.config.formats import render
from reprun.config.project import NAME
from reprun.core.errors import RefusedError, ToolError
from reprun.core.frozen import dataclass
from reprun.core.text import is_recordable, show
from reprun.runner.files import list_names
from reprun.system.files import write_atomic

_ENVIRONMENTS = ("environment.yml", "environment.yaml")
_LOCKS = ("conda-lock.yml", "pixi.lock", "uv.lock", "poetry.lock", "pdm.lock")
_PROJECTS = ("pyproject.toml", "setup.py", "requirements.txt")
_CONFIG_FOLDERS = ("conf", "config", "configs")
_CONFIG_STEMS = ("base", "config", "default", "main")
_CONFIG_ENDINGS = (".yaml", ".yml", ".toml", ".json")
_PREFLIGHT = os.path.join("tests", "preflight")


@dataclass(frozen=True)
class InitPlan:
    """What was found at the top of a project (relative paths, empty when missing) and what to write."""

    top: str
    path: str
    exists: bool
    git: bool
    environment: str
    lock: str
    project: str
    config_folder: str
    config: str
    preflight: str
    found: tuple[str, ...]
    text: str


def plan_init(top: str) -> InitPlan:
    """Looks at the folder `top` and makes the text of its `reprun.toml`; nothing is written."""
    names = list_names(top)
    folder = next((name for name in _CONFIG_FOLDERS if os.path.isdir(os.path.join(top, name))), "")
    config = _obvious_config(top, folder)
    preflight = _PREFLIGHT if os.path.isdir(os.path.join(top, _PREFLIGHT)) else ""
    path = os.path.join(top, NAME)
    environment, lock, project = (_first(group, names) for group in (_ENVIRONMENTS, _LOCKS, _PROJECTS))
    found = tuple(name for name in (environment, lock, project, config or folder, preflight) if name)
    return InitPlan(
        top=top,
        path=path,
        exists=os.path.lexists(path),
        git=".git" in names,
        environment=environment,
        lock=lock,
        project=project,
        config_folder=folder,
        config=config,
        preflight=preflight,
        found=found,
        text=_text(config, preflight, found),
    )


def write_init(top: str, force: bool = False) -> str:
    """Writes `reprun.toml` at `top`, returns its path; `RefusedError` when there is one, unless `force`."""
    plan = plan_init(top)
    try:
        _publish(plan, force)
    except FileExistsError:
        raise RefusedError(f"there is a {NAME} already: {show(plan.path)}", hint="reprun init --force replaces it") from None
    except OSError as error:
        raise ToolError(f"{show(plan.path)} cannot be written: {error.strerror}") from None
    return plan.path


def _publish(plan: InitPlan, force: bool) -> None:
    if plan.exists and not force:
        raise FileExistsError
    if not force:  # claim the name first: somebody may have made the file in the meantime
        os.close(os.open(plan.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
    write_atomic(plan.path, plan.text.encode(), 0o644)  # it is committed and shared, unlike our records


def _first(candidates: Iterable[str], names: Iterable[str]) -> str:
    present = set(names)
    return next((name for name in candidates if name in present), "")


def _obvious_config(top: str, folder: str) -> str:
    """The config that a launch most likely means: `conf/base.yaml`, or the only one that there is."""
    for where in filter(None, (folder, ".")):
        names = [name for name in list_names(os.path.join(top, where)) if name.endswith(_CONFIG_ENDINGS)]
        usual = _first((stem + ending for stem in _CONFIG_STEMS for ending in _CONFIG_ENDINGS), names)
        only = names[0] if len(names) == 1 and where != "." and is_recordable(names[0]) else ""
        if usual or only:
            return os.path.normpath(os.path.join(where, usual or only))
    return ""


def _text(config: str, preflight: str, found: tuple[str, ...]) -> str:
    here = f"# Found here: {', '.join(found)}.\n" if found else ""
    line = render({"config": config}, "toml") if config else '#config = "conf/base.yaml"\n'
    tests = f'{"" if preflight else "#"}tests = ["{_PREFLIGHT}"]\n'
    return _TEMPLATE.replace("@FOUND\n", here).replace("@CONFIG\n", line).replace("@TESTS\n", tests)


# A line `#key = …` is a setting with its default or an example: it is valid as soon as the # is taken away,
# each by itself and all together. Tables are there already for that reason.
_TEMPLATE = """\
# Settings of reprun for this project. Take away the # of a line to use it.
# The same keys in ~/.config/reprun/config.toml hold for all your projects; what stands here wins.
@FOUND

# Where the commit of a dirty tree is kept: "ref" leaves your branch alone, "branch" moves it to that commit.
#auto_commit = "ref"

# true: refuse to launch from a tree with uncommitted changes.
#require_clean = false

# The config of a launch without --config, relative to this file.
@CONFIG

# Paths in the worktree that the job writes to. All else in it is read-only; {output} is always writable.
#writable = ["outputs"]

# Small files that git ignores and the job needs: each run gets a copy, mode 0600. Their hash is recorded, what is in them is not.
#carry = [".env", "conf/local.yaml"]

# Data whose size and digest go into the manifest.
#data = [{ path = "data/train.csv" }]

# Environment variables that are passed on to the job. Their names are recorded, their values are not.
#pass_env = ["WANDB_API_KEY", "AWS_*"]

# Environment variables of the job, recorded with their values: nothing secret.
[env]
#OMP_NUM_THREADS = 8

# The packages of a run. "conda": a prefix made from conda-lock.yml, or from environment.yml, which is locked when it changes;
# "uv", "requirements": a virtual environment from uv.lock, or from requirements.txt with hashes; "system": the Python that is
# there, only recorded; "auto": by which of these files there is.
[environment]
#kind = "auto"
#python = "3.11"
#project = "auto"
#files = ["environment.yml"]
#lock = "conda-lock.yml"
#categories = ["main"]
# What a solver is to believe of the target, whatever it has.
#overrides = { __cuda = "12.4" }
# micromamba, mamba or conda where there is one, else py-rattler; and how many seconds it may take.
#solver = "auto"
#timeout = 600
# When the active environment is not what the lock says: "record" says so, "refuse" refuses, "export" runs with what is installed.
#drift = "record"
# Who fetches packages first: "host" is the machine of the run, "dev" is this one.
#fetch = "host"
# The labels of its channel under which a package is looked for that is gone from where the lock says.
#labels = ["main", "broken"]

# What is looked at on the target before a run starts: "quick", "full" or "off"; and what of it is special to this project.
[preflight]
#level = "quick"
# Checks whose warnings refuse the launch too.
#refuse = ["seeds"]
# Tests that must pass, run there by pytest with the Python of the job.
@TESTS
#disk = "20 GB"
#readable = ["/data"]
#writable = [{ path = "/scratch", free = "50 GB" }]
#ports = [6006]
#variables = ["HF_TOKEN"]
#schema = "conf/schema.json"
#programs = { ffmpeg = ">=4" }

# What a snapshot may add to the history without being asked about. "allow" is written as a .gitignore is.
[guard]
#max_file = "10 MiB"
#max_total = "100 MiB"
#max_new_files = 10000
#allow = ["/weights/small.pt"]

# Files that Git converts (line endings, filters) reach the job as they are in your checkout, or the launch is refused;
# "committed": the job may get what git checks out instead, and the manifest lists the files that differ.
[snapshot]
#filters = "exact"

# With every launch, push runs to this Git remote as well, in the background.
[git]
#push = "origin"

# Brought here when a run on another machine is seen to be over.
[results]
#auto_pull = ["*.json"]
#auto_pull_max = "256 MiB"

[outputs]
# Output files up to this size get a sha256.
#hash_limit = "1 GiB"

[launch]
# Seconds between TERM and KILL when a run is stopped.
#grace = 10
# true: random numbers that are drawn without a seed are reported, with file and line.
#watch_randomness = false

# Hooks of git: pre-launch, post-launch, post-run; reprun hooks install.
[hooks]
# Seconds that one may take.
#timeout = 60
# A command that the installed post-run calls.
#notify = ["notify-send", "{message}"]

# Short experiments whose result is known beforehand, for reprun sanity.
[sanity]
#overfit = { command = ["python", "train.py", "--samples", "8"], metric = "accuracy", pass = "> 0.99", steps = 200 }

# How far a reproduction may differ: |a - b| <= max(atol, rtol * |a|) for each metric; 0 means not at all.
[verdict]
#rtol = 0.0
#atol = 0.0
# Metrics and outputs that are not compared.
#ignore = ["*.log", "time/*"]
# A metric with limits of its own.
#metrics.loss = { rtol = 1e-3, atol = 1e-6 }

# Runs that wait for a slot, reprun launch --queue. What this machine has to give at once: GPUs, and jobs without one.
[queue]
#slots = [0, 1, "2,3"]
#cpu_slots = 4
# How many runs of this project may run at once.
#limit = 8
# The kind of a run without --kind: explore, baseline, method, tune, ablation.
#kind = "explore"

# Where runs can go with --on: a host and what starts jobs there. This machine is "local".
[targets]
#here = { host = "local", scheduler = "tmux" }
"""
