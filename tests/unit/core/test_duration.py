"""Times as they are written in settings and on the command line."""

from __future__ import annotations

import pytest

from reprun.core.duration import parse_duration
from reprun.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400), ("2h", 7200), ("1d12h", 129600), ("1.5h", 5400), (" 30 s ", 30), ("10min", 600), ("0s", 0),
        ("2:30", 9000), ("1:02:03", 3723), ("2-12:00:00", 216000),
    ],
)  # fmt: skip
def test_what_is_a_time(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "3", "3x", "-1h", "h", "1h-", "1:2", "٣h", "1e9d", "99999d", "nan s", "1h\x1b[2J"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_duration(text, "--time")
    assert error.value.message.startswith("--time must be a time") and error.value.hint and "\x1b" not in error.value.message
