"""Hooks in git's settings, `hook.<name>.command` and `hook.<name>.event`: what they say. Git runs such hooks since 2.54."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field


@dataclass(frozen=True)
class Configured:
    """A hook of the settings. `command` is a line for `sh`, empty where none is set; `origins` are the files that name the
    event and the command, empty for a variable."""

    name: str
    event: str
    command: str
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class HookSettings:
    """All of them, in git's order; `off` are the events of which no hook runs, `names` all that are known."""

    hooks: tuple[Configured, ...] = ()
    off: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()


@dataclass
class _Read:
    """What is read so far: the last word counts, and an empty `event` takes back the earlier ones."""

    commands: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: dict[tuple[str, str], str] = field(default_factory=dict)  # (event, name) → origin, in order
    off: dict[str, bool] = field(default_factory=dict)

    def take(self, origin: str, key: str, value: str | None) -> None:
        name, _, word = key.removeprefix("hook.").rpartition(".")
        if not name:
            return  # `hook.jobs`
        if word == "enabled":
            self.off[name] = _is_false(value)
        elif word == "command" and value is not None:
            self.commands[name] = (value, origin)
        elif word == "event" and value:
            self.events.pop((value, name), None)
            self.events[value, name] = origin
        elif word == "event" and value is not None:
            self.events = {pair: found for pair, found in self.events.items() if pair[1] != name}


def parse_hook_settings(said: str) -> HookSettings:
    """What `git config -z --show-origin --get-regexp` says of the keys that begin with `hook.`."""
    parts, read = said.split("\0"), _Read()
    for origin, item in zip(parts[::2], parts[1::2], strict=False):
        key, has_value, value = item.partition("\n")
        read.take(origin.removeprefix("file:") if origin.startswith("file:") else "", key, value if has_value else None)
    hooks = []
    for (event, name), origin in read.events.items():
        command, said_in = read.commands.get(name, ("", origin))
        if not read.off.get(name):
            hooks.append(Configured(name, event, command.strip(), tuple(dict.fromkeys((origin, said_in)))))
    known = {*read.commands, *(name for _, name in read.events)}
    off = frozenset(name for name, is_off in read.off.items() if is_off and name not in known)
    return HookSettings(tuple(hooks), off, tuple(sorted(known)))


def _is_false(value: str | None) -> bool:
    """As git reads a word for yes or no; what is neither says nothing."""
    return value is not None and value.strip().lower() in ("false", "no", "off", "0", "")
