"""How long ago something was, for people."""

from __future__ import annotations

import pytest

from reprun.core.outcome import RunState, Sighting
from reprun.core.text import human_ago

WANTED = {-5: "just now", 1.9: "just now", 40: "40 s ago", 119: "119 s ago", 300: "5 min ago", 7199: "119 min ago"}
WANTED |= {10_800: "3 h ago", 86_400: "24 h ago", 1_000_000: "11 days ago"}


@pytest.mark.parametrize(("seconds", "text"), WANTED.items())
def test_human_ago(seconds: float, text: str) -> None:
    assert human_ago(seconds) == text


def test_what_json_says_of_a_link() -> None:
    assert RunState("running").data["link"] == "ok" and RunState("running").data["last_known"] is None
    data = RunState("unreachable", "last seen", link="unreachable", last=Sighting("running", at=0.0)).data
    assert data["last_known"] == {"state": "running", "reason": "", "exit_code": None, "at": "1970-01-01T00:00:00Z"}
