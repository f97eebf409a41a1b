"""What looks like a secret. The quick look must find whatever one of the detectors would."""

from __future__ import annotations

import re

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins import keyword
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reprun.repo.secrets import DETECTORS, find_secrets, might_hold_secrets

CLASSES = {kind.__name__: kind for kind in get_mapping_from_secret_type_to_class().values()}
PATTERNS = [(name, pattern) for name in DETECTORS for pattern in getattr(CLASSES[name], "denylist", ())]
KEYWORDS = [(kind, pattern) for kind in dir(keyword) if kind.endswith("REGEX_TO_GROUP") for pattern in getattr(keyword, kind)]
LINES = {
    'key = "AKIAIOSFODNN7EXAMPLE"': "AWS Access Key",
    'tok = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"': "GitHub Token",
    "-----BEGIN RSA PRIVATE KEY-----": "Private Key",
    'password = "hunter2xyz"': "Secret Keyword",
    'url = "postgres://bob:s3cretpw@db/x"': "Basic Auth Credentials",
    'wandb_token = "0123456789abcdef0123456789abcdef01234567"': "a value that looks random",
    'hf = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"': "Hugging Face token",
    'g = "AIzaSyA1234567890abcdefghijklmnopqrstuv"': "Google API key",
}
HARMLESS = [
    "lr = 0.1",
    'sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"',
    'password = os.environ["DB_PASSWORD"]',
    "pwd = os.getcwd()",
    "secret: ${SECRET}",
    'api_key: str = ""',
    'tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")',
    'password = "hunter2xyz"  # pragma: allowlist secret',
    'x = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"  # pragma: allowlist secret',
]


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_found_on_its_line_and_named(line: str) -> None:
    found = find_secrets("train.py", f"import os\n\n{line}\nprint(1)\n".encode())
    assert [(secret.line, secret.what) for secret in found] == [(3, LINES[line])]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_people_write_all_day_is_no_secret(line: str) -> None:
    assert find_secrets("train.py", f"{line}\n".encode()) == []


def test_a_secret_deep_in_a_very_long_line_is_found() -> None:
    data = b'{"a": "' + b"x" * 300_000 + b'", "tok": "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "b": "' + b"y" * 300_000 + b'"}'
    assert [secret.what for secret in find_secrets("notebook.ipynb", data)] == ["GitHub Token"]


def test_binary_files_are_not_read_as_text() -> None:
    assert find_secrets("x.bin", b"\0\1password = 'hunter2xyz'") == []


def matches_of(pattern: re.Pattern[str]) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern.pattern, (pattern.flags & ~re.UNICODE) | re.ASCII))


@pytest.mark.parametrize(("name", "pattern"), PATTERNS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_quick_look_misses_nothing_that_a_detector_finds(name: str, pattern: re.Pattern[str]) -> None:
    @settings(max_examples=30, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(matches_of(pattern))
    def every_match_is_suspicious(text: str) -> None:
        found = any(list(CLASSES[name]().analyze_string(line)) for line in text.splitlines())
        assert not found or might_hold_secrets("x.py", text.encode())

    every_match_is_suspicious()


@pytest.mark.parametrize(("kind", "pattern"), KEYWORDS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_quick_look_misses_no_value_of_a_telling_name(kind: str, pattern: re.Pattern[str]) -> None:
    name = "x.py" if kind.startswith("QUOTES_REQUIRED") else "x.yaml"

    @settings(max_examples=30, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(matches_of(pattern))
    def every_match_is_suspicious(text: str) -> None:
        assert any(might_hold_secrets(name, line.encode()) for line in text.split("\n")) or not any(
            pattern.search(line) for line in text.split("\n")
        )

    every_match_is_suspicious()


def test_ordinary_code_does_not_load_the_detectors() -> None:
    code = b"pwd = os.getcwd()\nhf_model = load(name)\npassword = getpass()\n# a secret of good training\nmsg.send(x)\n"
    assert not might_hold_secrets("train.py", code)
