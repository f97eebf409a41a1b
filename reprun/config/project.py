"""`reprun.toml`, the settings of a project, and the user's own file with the same keys; the project wins."""

from __future__ import annotations

import os
from collections.abc import Mapping

from reprun.core.frozen import dataclass, field
from reprun.core.guarded import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.core.environment import EnvironmentRules
    from reprun.core.hooking import HookRules
    from reprun.core.tolerance import Tolerances

NAME = "reprun.toml"
_FLAT = ("outputs", "launch", "snapshot", "git", "results")  # sections whose keys are fields of their own
_MERGED = (
    "env",
    *_FLAT,
    "guard",
    "hooks",
    "environment",
    "environment.overrides",
    "preflight",
    "preflight.programs",
    "verdict",
    "verdict.metrics",
    "targets",
    "sanity",
    "queue",
)  # below these, key by key


@dataclass(frozen=True)
class Known:
    """What one file of settings says: its text, what it is called in errors, its checked values."""

    text: str
    what: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What `reprun.toml` can say; `config` is relative to its folder; `files` are those that were read, `news` what is worth
    remembering of them. `expected` is what `[[data]]` says of paths of `data`."""

    auto_commit: str = "ref"
    require_clean: bool = False
    config: str = ""
    writable: tuple[str, ...] = ()
    carry: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    pass_env: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    hash_limit: int = 1 << 30
    grace: float = 10
    watch_randomness: bool = False
    filters: str = "exact"
    push: str = ""
    auto_pull: tuple[str, ...] = ()
    auto_pull_max: int = 256 << 20
    guard: dict[str, Any] = field(default_factory=dict)
    hooks: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    preflight: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    sanity: dict[str, dict[str, Any]] = field(default_factory=dict)
    queue: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    news: tuple[Known, ...] = field(default=(), repr=False, compare=False)

    def rules(self) -> Rules:
        """What `[guard]` says."""
        return Rules(**self.guard)

    def environment_rules(self) -> EnvironmentRules:
        """What `[environment]` says."""
        from reprun.core.environment import EnvironmentRules

        return EnvironmentRules(**self.environment)

    def hook_rules(self) -> HookRules:
        """What `[hooks]` says."""
        from reprun.core.hooking import HookRules

        return HookRules(**self.hooks)

    def tolerances(self) -> Tolerances:
        """What `[verdict]` allows; a metric with a table of its own takes nothing from the general one."""
        from reprun.core.tolerance import Tolerance, Tolerances

        def tolerance(values: Mapping[str, Any]) -> Tolerance:
            return Tolerance(values.get("rtol", 0.0), values.get("atol", 0.0))

        metrics = {name: tolerance(values) for name, values in self.verdict.get("metrics", {}).items()}
        return Tolerances(tolerance(self.verdict), metrics, self.verdict.get("ignore", ()))


def find_settings(top: str, user_config: str | None = None, memo: str = "") -> Settings:
    """The settings at `top`: what its `reprun.toml` says, then what the user's file says, then the defaults.

    Either file may be missing. `memo` is the file in which `remembered` has what they said last. Raises `UsageError` that names
    the file and the key.
    """
    values: dict[str, Any] = {}
    files, known, is_new = [], [], False
    for path, what in ((user_config, user_config), (os.path.join(top, NAME), NAME)):
        if path and what and os.path.lexists(path):
            from reprun.config.reading import read_text
            from reprun.config.remembered import recall

            text = read_text(path, what)
            found = recall(memo, text, what) if memo else None
            if found is None:
                from reprun.config.schema import parse_settings

                found, is_new = parse_settings(text, what), True
            values = _merge(values, found)
            files.append(path)
            known.append(Known(text, what, found))
    return _settings(values, tuple(files), tuple(known) if is_new else ())


def user_config_path(environ: Mapping[str, str]) -> str:
    """A user's settings for all projects: `reprun/config.toml` in `$XDG_CONFIG_HOME` or `~/.config`."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the standard says to ignore a relative one
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "reprun", "config.toml")


def _merge(base: dict[str, Any], over: dict[str, Any], path: str = "") -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        here = f"{path}.{key}" if path else key
        result[key] = _merge(base.get(key, {}), value, here) if here in _MERGED else value
    return result


def _settings(values: dict[str, Any], files: tuple[str, ...], news: tuple[Known, ...]) -> Settings:
    plain = {key: value for key, value in values.items() if key not in _FLAT}
    if "data" in plain:
        entries = [dict(entry) for entry in plain["data"]]
        plain["data"] = tuple(entry.pop("path") for entry in entries)
        plain["expected"] = {path: entry for path, entry in zip(plain["data"], entries, strict=True) if entry}
    flat = {key: value for section in _FLAT for key, value in values.get(section, {}).items()}
    return Settings(**plain, **flat, files=files, news=news)
