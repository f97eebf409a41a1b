"""Machines on which nothing of conda's runs."""

from __future__ import annotations

import os

import pytest

from reprun.commands.env_choosing import check_libc
from reprun.core.errors import RefusedError
from reprun.runner.env_make import _explained
from reprun.runner.virtual import find_platform


def test_a_machine_without_glibc_is_refused_before_anything_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python was built for musl it does not know the name."""

    def confstr(name: str) -> str:
        raise ValueError("unrecognized configuration name")

    check_libc("local", find_platform())
    monkeypatch.setattr(os, "confstr", confstr)
    found = find_platform()
    assert "__glibc" not in found["virtual"]
    with pytest.raises(RefusedError, match="gpu1 has no glibc") as caught:
        check_libc("gpu1", found)
    assert 'kind = "system"' in caught.value.hint
    check_libc("mac", {"platform": "osx-arm64", "virtual": {"__osx": "14.1"}})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "ImportError: /lib64/libc.so.6: version `GLIBC_2.28' not found (required by rattler.abi3.so)",
            "needs glibc 2.28 or newer",
        ),
        ("ImportError: libc.so.6: cannot open shared object file: No such file or directory", "needs glibc, and this host has"),
        ("OSError: No space left on device", "cannot be installed"),
    ],
)
def test_an_installer_that_does_not_load_is_explained(said: str, words: str) -> None:
    error = _explained(said)
    assert words in error.message and error.hint
