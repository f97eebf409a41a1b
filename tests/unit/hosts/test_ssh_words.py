"""What is put into the words of an ssh command can be nothing but what it is called."""

from __future__ import annotations

import pytest
from hostile import STRINGS

from reprun.core.errors import UsageError
from reprun.hosts.ssh_words import check_address, check_python

REFUSED = set(" \t\r\n$`'\"\\;|&<>(){}*?!#^=,")


@pytest.mark.parametrize("check", [check_address, check_python])
def test_nothing_that_a_shell_or_ssh_would_read_otherwise(check: object) -> None:
    assert callable(check)
    refused = 0
    for text in STRINGS:
        try:
            assert check(text, "gpu1") == text
        except UsageError as error:
            assert error.hint
            refused += 1
        else:
            assert text and not text.startswith("-") and not REFUSED & set(text) and text.isascii()
    assert refused > 250


@pytest.mark.parametrize(
    "address", ["gpu1", "user@gpu1", "ssh://user@gpu1:2222", "10.0.0.1", "::1", "user@::1", "fe80::1%eth0", "_x"]
)
def test_addresses(address: str) -> None:
    assert check_address(address, "x") == address


def test_brackets_are_for_ssh_uris_only() -> None:
    assert check_address("user@[::1]", "x") == "user@::1" and check_address("[::1]", "x") == "::1"
