"""Which names are secret, and which patterns let a path in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.guarded import is_allowed, is_secret_name, literal

SECRET = [
    ".env", "app/.env", ".env.local", ".ENV", "prod.env", "id_rsa", "keys/id_ed25519", "server.pem", "tls/server.key", ".netrc",
    ".pypirc", "credentials.json", "gcp-service-account.json", "client_secret_1.json", "secrets.yaml", "token.txt", "hf.token",
    ".aws/config", "home/.ssh/config", "kaggle.json", "api_key.txt", "vault.kdbx",
]  # fmt: skip
HARMLESS = [
    "train.py", "tokenizer.json", "tokens.txt", "tokenizer_config.json", "special_tokens_map.json", ".env.example", "id_rsa.pub",
    "secrets.py", "environment.yml", "keys.py", "passwords.md", "monkey.png", "keypoints.json", "env/base.yaml", ".envs",
    "credentials.py", "docs/authentication.md",
]  # fmt: skip


@pytest.mark.parametrize("path", SECRET)
def test_names_that_say_secret(path: str) -> None:
    assert is_secret_name(path)


@pytest.mark.parametrize("path", HARMLESS)
def test_names_that_do_not(path: str) -> None:
    assert not is_secret_name(path)


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("a/b/c.bin", "a", True),
        ("a/b/c.bin", "a/", True),
        ("a/b/c.bin", "/a/b", True),
        ("a/b/c.bin", "*.bin", True),
        ("a/b/c.bin", "/*.bin", False),
        ("c.bin", "/*.bin", True),
        ("a/b/c.bin", "a/*.bin", False),
        ("a/b/c.bin", "a/**/*.bin", True),
        ("a/c.bin", "a/**/*.bin", True),
        ("a/b/c.bin", "b/c.bin", False),
        ("a/b/c.bin", "**/b/c.bin", True),
        ("ab/c", "a", False),
        ("c", "", False),
        ("c", "/", False),
    ],
)
def test_patterns_are_as_in_a_gitignore(path: str, pattern: str, expected: bool) -> None:
    assert is_allowed(path, [pattern]) is expected


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=1).map("/".join))
def test_a_literal_pattern_means_its_path_alone(path: str) -> None:
    assert is_allowed(path, [literal(path)])
    assert not is_allowed("x" + path, [literal(path)])
