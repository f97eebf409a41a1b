"""The job's environment: what it inherits from the host by an allow-list, and which names are secrets."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing takes 4 ms to import, before the job's first instruction
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

    from reprun.runner.paths import Home

INHERITED = (
    "HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD",
    "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYENV_ROOT", "PYENV_VERSION",
    "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "OMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "KMP_*", "GOTO_NUM_THREADS", "XLA_FLAGS",
    "TF_DETERMINISTIC_*", "TF_CUDNN_*", "TF_ENABLE_*", "TF_XLA_FLAGS", "TF_NUM_*",
    "PYTORCH_*", "NCCL_*",
    "HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
)  # fmt: skip
_PREFIXES = tuple(name[:-1] for name in INHERITED if name.endswith("*"))
_SECRET = (
    "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL", "PRIVATE", "API_KEY", "APIKEY", "ACCESS_KEY", "AUTH", "COOKIE",
)  # fmt: skip


def is_secret(name: str) -> bool:
    """True for a name whose value is not to be written down anywhere."""
    upper = name.upper()
    return ("_" + upper).endswith(("_KEY", "_PAT")) or upper.endswith("_DSN") or any(word in upper for word in _SECRET)


def inherited(passed: Sequence[str] = (), environ: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """The variables of this host's environment that a job gets: the allow-list and the patterns in `passed`."""
    env = os.environ if environ is None else environ
    return {name: value for name, value in env.items() if _is_allowed(name) or _matches(name, passed)}


def has_environment(home: Home, digest: str) -> bool:
    """Whether the environment is here, whole."""
    from reprun.runner.env_record import find_record

    return find_record(home, digest) is not None


def surroundings(home: Home, request: Mapping[str, Any], worktree: str = "") -> Tuple[Dict[str, str], List[str]]:
    """The variables that a job gets of this host, and the names of those that are of its `environment`, where it has one.

    The environment comes without what is developed in the repository, which is taken from the worktree: what is asked for as
    its `project` is where Python looks first. Raises `RunnerError` for an environment that is not here.
    """
    env = inherited(request.get("pass_env", []))
    if not request.get("environment"):
        if worktree and request.get("project"):
            env.update(_of_project(home, request, worktree, env))
            return env, ["PYTHONPATH"]
        return env, []
    from reprun.runner.env_activate import activated
    from reprun.runner.env_record import find_record, note_use
    from reprun.runner.errors import RunnerError

    record = find_record(home, request["environment"])
    if record is None:
        raise RunnerError("missing", "the environment %s is not on this host" % request["environment"][:12], "launch again")
    env = activated(env, record["activation"], request.get("pass_env", []))
    if worktree:
        note_use(home, request["environment"])
        env.update(_of_project(home, request, worktree, env))
    names = {*record["activation"]["variables"], "PATH", "PYTHONNOUSERSITE", "PYTHONPATH"}
    return env, sorted(names & set(env))


def _of_project(home: Home, request: Mapping[str, Any], worktree: str, env: Mapping[str, str]) -> Dict[str, str]:
    from reprun.runner.overlay import project_paths

    folders, programs = project_paths(home, request, worktree)
    found = {"PYTHONPATH": os.pathsep.join(folders)} if folders else {}
    if programs:
        found["PATH"] = os.pathsep.join([programs, env.get("PATH", os.defpath)])
    return found


def is_private(name: str) -> bool:
    """True for an inherited variable that is recorded by its name only: a secret, or one that was passed on by request."""
    return is_secret(name) or not _is_allowed(name)


def _is_allowed(name: str) -> bool:
    return name in INHERITED or name.startswith(_PREFIXES)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    if not patterns:
        return False
    from fnmatch import fnmatchcase  # makes a regular expression of every pattern

    return any(name == pattern or fnmatchcase(name, pattern) for pattern in patterns)
