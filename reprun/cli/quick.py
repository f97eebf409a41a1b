"""`reprun launch` read without Typer, where nothing about it is unusual: Typer takes as long to load as a launch takes.

Whatever is not plainly one of the options below, a mistake above all, is left to Typer, which explains it.
A test holds this table against the options that Typer knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from reprun.core.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.cli.launch_answer import LaunchRequest

VALUES = {
    "--name": "name", "--why": "why", "-m": "why", "--config": "config", "--set": "sets", "--seed": "seed",
    "--on": "target", "--gpus": "gpus", "--preflight": "preflight", "--priority": "priority", "--kind": "kind",
    "--after": "after", "--after-ok": "after_ok",
    "--if": "condition", "--not-before": "not_before", "--retries": "retries", "--memory": "memory",
    "--cpus": "cpus", "--time": "time",
}  # fmt: skip
FLAGS = {
    "--dry-run": "dry_run", "--follow": "follow", "-f": "follow", "--json": "json", "--during-operation": "during_operation",
    "--watch-randomness": "watch_randomness", "--queue": "queue",
}  # fmt: skip
MANY = ("sets", "after", "after_ok")  # may be given several times


@dataclass(frozen=True)
class Read:
    """The words of a launch, read: the options by the names of `LaunchOptions`, the flags, the command."""

    values: dict[str, Any]
    flags: set[str]
    argv: tuple[str, ...]

    def is_local(self) -> bool:
        """Whether a run is to be started at once, and no target is named."""
        return "target" not in self.values and not {"dry_run", "queue"} & self.flags

    def request(self) -> LaunchRequest:
        """What `answer_launch` takes."""
        from reprun.cli.launch_answer import LaunchRequest
        from reprun.commands.build_spec import LaunchOptions

        during, watch = "during_operation" in self.flags, "watch_randomness" in self.flags
        options = LaunchOptions(
            self.argv, **self.values, during_operation=during, watch_randomness=watch, queue="queue" in self.flags
        )
        return LaunchRequest(options, "dry_run" in self.flags, "follow" in self.flags)


def read_launch(words: Sequence[str]) -> Read | None:
    """What the words after `launch` say; None when they are for Typer to read. Raises `UsageError` for an empty value."""
    end = words.index("--") if "--" in words else len(words)
    _refuse_empty(words[:end])
    if end == len(words):
        return None
    read = _read(list(words[:end]))
    argv = tuple(words[end + 1 :])
    return Read(*read, argv) if read is not None and argv else None


def _refuse_empty(words: Sequence[str]) -> None:
    """An empty variable of a shell must not make a launch one that waits for nothing, or has no config."""
    if "" not in words and not any(word.endswith("=") for word in words):
        return
    for word, value in zip(words, [*words[1:], "-"], strict=True):
        option = word[:-1] if word.endswith("=") else word if value == "" else ""
        if VALUES.get(option) not in (None, "name", "why", "sets"):
            from reprun.core.errors import UsageError

            raise UsageError(f"{option} is empty", hint=f"leave {option} out, or give it a value")


def _read(words: list[str]) -> tuple[dict[str, Any], set[str]] | None:
    values: dict[str, Any] = {}
    flags: set[str] = set()
    while words:
        word = words.pop(0)
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if word in FLAGS:
            flags.add(FLAGS[word])
            continue
        if option not in VALUES or (not equals and (not words or words[0].startswith("-"))):
            return None
        value = value if equals else words.pop(0)
        name = VALUES[option]
        if name == "seed" and not (value.isascii() and value.isdigit()):
            return None
        values[name] = (*values.get(name, ()), value) if name in MANY else int(value) if name == "seed" else value
    return values, flags
