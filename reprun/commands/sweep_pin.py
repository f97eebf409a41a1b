"""What the keeper of a sweep works from: the file, the options, the code as they were when somebody asked for it.

Edits that come later are for the next `reprun sweep`. The folder of a sweep is `sweeps/kept/DIGEST` in the state folder.
"""

from __future__ import annotations

import os

from reprun.core.digests import sha256
from reprun.core.frozen import dataclass, field, replace
from reprun.core.spec import Snapshot
from reprun.repo import refs
from reprun.repo.discover import Repository
from reprun.sweeps.identity import Basis
from reprun.sweeps.sharing import ALL
from reprun.system.files import ensure_dir, find_bytes, find_json, list_dir, remove_tree, write_atomic, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SETTINGS = "reprun.toml"


@dataclass(frozen=True)
class SweepOptions:
    """What was typed after `reprun sweep`."""

    file: str
    title: str = ""
    stages: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    sample: int | None = None
    target: str = ""
    kind: str = ""
    preflight: str = ""
    force: bool = False
    policy: str = "same code"
    ahead: int | None = None
    stop_after: int | None = None
    retries: int | None = None

    def words(self) -> list[str]:
        """What has to be typed for the same tasks in the same place again."""
        ahead = {None: "", ALL: "all"}.get(self.ahead, str(self.ahead))
        named = {"--title": self.title, "--on": "" if self.target == "local" else self.target, "--ahead": ahead}
        named |= {"--kind": self.kind, "--preflight": self.preflight}
        named |= {"--since-commit": "" if self.policy == "same code" else self.policy}
        numbers = {"--sample": self.sample, "--stop-after": self.stop_after, "--retries": self.retries}
        found = [self.file, *(word for option, value in named.items() if value for word in (option, value))]
        found += [word for option, number in numbers.items() if number is not None for word in (option, str(number))]
        many = (("-c", self.stages), ("-r", self.resources))
        return [*found, *(word for option, values in many if values for word in (option, *values))]


@dataclass(frozen=True)
class Pin:
    """A wish: `options` of `reprun sweep` in the folder `cwd` of the repository, the `text` of its file and of its config.

    `exists` is what was looked up when it was read. `snapshot`, `basis` and the lock of each target are known once something was
    prepared; `carried` files are not in the snapshot. `since` is the first run id that there can be of it. Hosts in `gone` are
    off for good. `ended` says why no keeper is wanted any more.
    """

    file: str
    options: dict[str, Any]
    cwd: str
    text: str
    time: str
    since: str
    at: str
    config: str | None = None
    exists: dict[str, bool] = field(default_factory=dict)
    snapshot: dict[str, Any] = field(default_factory=dict)
    basis: dict[str, Any] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    carried: list[list[str]] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)
    ended: str = ""

    def what(self) -> SweepOptions:
        """The options."""
        known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in self.options.items()}
        return SweepOptions(**known)

    def taken(self) -> Snapshot:
        """The snapshot."""
        return Snapshot(**self.snapshot)

    def ground(self) -> Basis:
        """What all tasks have in common."""
        return Basis(self.basis["code"], self.basis["lock"], tuple(self.basis["data"]))


def folder_of(repository: Repository, file: str) -> str:
    """Where the pin of a sweep file is, the lock of its keeper and its log."""
    name = sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return os.path.join(repository.state_dir, "sweeps", "kept", name)


def find_pin(folder: str) -> Pin | None:
    """The pin in a folder; None where there is none that can be read."""
    try:
        data = find_json(os.path.join(folder, "pin.json"))
        pin = Pin(**{name: value for name, value in (data or {}).items() if name != "version"}) if data else None
        if pin is not None:
            pin.what()  # of another version, or edited by hand, is as good as none
        return pin
    except (AttributeError, OSError, TypeError):
        return None


def live_pin(repository: Repository, file: str) -> Pin | None:
    """What is pinned of a sweep file, unless that is over."""
    pin = find_pin(folder_of(repository, file))
    return None if pin is None or pin.ended else pin


def list_pins(repository: Repository) -> dict[str, Pin]:
    """All pins by their folders."""
    root = os.path.join(repository.state_dir, "sweeps", "kept")
    found = {os.path.join(root, name): find_pin(os.path.join(root, name)) for name in list_dir(root)}
    return {folder: pin for folder, pin in found.items() if pin is not None}


def keep_pin(repository: Repository, pin: Pin) -> str:
    """Writes the pin, and holds its commit; returns its folder. What was pinned before is replaced."""
    folder = ensure_dir(folder_of(repository, pin.file))
    before = find_pin(folder)
    if pin.snapshot:
        refs.create_ref(repository, _ref(folder, pin), str(pin.snapshot["commit"]))
    if before is None or before.at != pin.at:
        _keep_settings(repository, folder, pin.at)
    write_json(os.path.join(folder, "pin.json"), {"version": 1, **vars(pin)})
    if before is not None and before.snapshot and _ref(folder, before) != _ref(folder, pin):
        refs.delete_ref(repository, _ref(folder, before))
    for name in list_dir(folder):
        if name.startswith("settings-") and name != f"settings-{_plain(pin.at)}":
            remove_tree(os.path.join(folder, name))
    return folder


def settings_folder(folder: str, pin: Pin) -> str:
    """Where `reprun.toml` is as it was."""
    return os.path.join(folder, f"settings-{_plain(pin.at)}")


def end_pin(repository: Repository, pin: Pin, why: str) -> None:
    """Nothing is to be done for it any more. Its commit is held by its runs."""
    folder = folder_of(repository, pin.file)
    write_json(os.path.join(folder, "pin.json"), {"version": 1, **vars(replace(pin, ended=why))})
    if pin.snapshot:
        refs.delete_ref(repository, _ref(folder, pin))


def _keep_settings(repository: Repository, folder: str, at: str) -> None:
    kept = ensure_dir(os.path.join(folder, f"settings-{_plain(at)}"))
    text = find_bytes(os.path.join(repository.top, _SETTINGS))
    if text is not None:
        write_atomic(os.path.join(kept, _SETTINGS), text, durable=False)


def _ref(folder: str, pin: Pin) -> str:
    return f"refs/reprun/sweeps/{os.path.basename(folder)}-{pin.snapshot['commit']}"


def _plain(at: str) -> str:
    return "".join(char for char in at if char.isalnum())
