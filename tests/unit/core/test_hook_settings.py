"""Hooks of git's settings, as git reads them: the last word counts."""

from __future__ import annotations

import pytest

from reprun.core.hook_settings import Configured, parse_hook_settings


def parse(*items: str, origin: str = "file:/home/u/.gitconfig") -> list[tuple[str, str, str]]:
    said = "".join(f"{origin}\0{item}\0" for item in items)
    return [(one.event, one.name, one.command) for one in parse_hook_settings(said).hooks]


def test_in_the_order_of_their_last_events_with_the_last_command() -> None:
    found = parse(
        "hook.a.command\none", "hook.a.event\npre-launch", "hook.b.c.event\npre-launch", "hook.b.c.command\ntwo words",
        "hook.a.event\npost-run", "hook.a.event\npre-launch", "hook.a.command\nlast",
    )  # fmt: skip
    assert found == [
        ("pre-launch", "b.c", "two words"), ("post-run", "a", "last"), ("pre-launch", "a", "last"),
    ]  # fmt: skip


def test_an_empty_event_takes_the_earlier_ones_back() -> None:
    assert parse("hook.a.command\nx", "hook.a.event\npre-launch", "hook.a.event\n", "hook.a.event\npost-run") == [
        ("post-run", "a", "x")
    ]


@pytest.mark.parametrize("word", ["\nfalse", "\nNO", "\noff", "\n0", "\n"])
def test_one_that_is_switched_off_and_on(word: str) -> None:
    own = ["hook.a.command\nx", "hook.a.event\npre-launch"]
    assert parse(*own, f"hook.a.enabled{word}") == []
    for on in ("\ntrue", "", "\n1", "\nperhaps"):
        assert len(parse(*own, f"hook.a.enabled{word}", f"hook.a.enabled{on}")) == 1


def test_an_event_may_be_switched_off() -> None:
    found = parse_hook_settings("command line:\0hook.pre-launch.enabled\nfalse\0file:x\0hook.post-run.enabled\ntrue\0")
    assert (found.off, found.names, found.hooks) == ({"pre-launch"}, (), ())


def test_where_they_were_said() -> None:
    said = "file:.git/config\0hook.a.event\npre-launch\0command line:\0hook.a.command\nx\0file:y\0hook.b.event\npost-run\0"
    assert parse_hook_settings(said).hooks == (
        Configured("a", "pre-launch", "x", (".git/config", "")), Configured("b", "post-run", "", ("y",)),
    )  # fmt: skip


@pytest.mark.parametrize("said", ["", "\0", "x", "file:a\0hook.jobs\n3\0", "file:a\0hook.a.event\0", "file:a\0hook.\n\0"])
def test_what_says_nothing(said: str) -> None:
    assert parse_hook_settings(said).hooks == ()
