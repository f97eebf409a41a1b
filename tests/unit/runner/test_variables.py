"""What a job inherits, and which names are never written down with their value."""

from __future__ import annotations

import pytest

from reprun.runner.variables import INHERITED, inherited, is_secret


@pytest.mark.parametrize(
    "name",
    [
        "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GH_PAT", "HF_TOKEN",
        "DB_PASSWORD", "PGPASSWORD", "password", "SSH_PASSPHRASE", "GOOGLE_APPLICATION_CREDENTIALS", "PRIVATE_KEY", "NETRC_AUTH",
        "SENTRY_DSN", "COOKIE", "ENCRYPTION_KEY", "APIKEY", "OPENAI_API_KEY", "KEY", "MY_SECRETS",
    ],
)  # fmt: skip
def test_secret_names(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LANG",
        "OMP_NUM_THREADS",
        "CUDA_VISIBLE_DEVICES",
        "KEYBOARD",
        "MONKEY",
        "KEYS",
        "PATTERN",
        "XLA_FLAGS",
        "USER",
    ],
)
def test_plain_names(name: str) -> None:
    assert not is_secret(name)


def test_nothing_on_the_list_is_secret() -> None:
    assert [name for name in INHERITED if is_secret(name)] == []


def test_only_the_list_is_inherited() -> None:
    environ = {
        "PATH": "/bin", "LC_ALL": "C", "OMP_NUM_THREADS": "4", "WANDB_API_KEY": "hunter2", "PYTHONPATH": "/x", "GIT_DIR": "/x",
        "TMUX": "x", "REPRUN_RUN_ID": "outer", "LD_LIBRARY_PATH": "/lib", "SSH_AUTH_SOCK": "/s", "XPATH": "no", "PATH2": "no",
    }  # fmt: skip
    assert set(inherited((), environ)) == {"PATH", "LC_ALL", "OMP_NUM_THREADS", "LD_LIBRARY_PATH"}


def test_others_are_passed_when_they_are_named() -> None:
    environ = {"WANDB_API_KEY": "k", "WANDB_MODE": "offline", "OTHER": "x", "wandb_x": "no", "A[1]": "odd"}
    assert inherited(("WANDB_*",), environ) == {"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}
    assert inherited(("OTHE?", "NOT_THERE"), environ) == {"OTHER": "x"}
