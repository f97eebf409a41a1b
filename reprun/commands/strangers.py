"""What a manifest of somebody else would do here, for a person to decide on."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from reprun.commands.env_wanted import SYSTEM
from reprun.commands.records import spec_from_manifest
from reprun.core.manifest import Manifest
from reprun.repo.refs import get_author
from reprun.workspace import Workspace

_MOST = 50  # variables
_LONGEST = 2000  # characters of one text; `reprun show` has it whole


def what_would_run(workspace: Workspace, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(label, text) of everything that decides what the run does on this machine, and of what its record says of its origin."""
    spec = spec_from_manifest(manifest)
    yield "command", _cut(shlex.join(spec.argv))
    yield "in", spec.cwd or "the top of the checkout"
    yield "commit", f"{spec.commit} of {get_author(workspace.repository, spec.commit)}"
    if spec.config:
        yield "config", f"{spec.config.source or '(none)'}, {len(spec.config.text)} characters"
    if spec.lock not in ("", SYSTEM):
        yield "installs", _cut(_installs(workspace, manifest, spec.lock))
    variables = sorted(spec.variables.items())
    for name, value in variables[:_MOST]:
        yield "sets", _cut(f"{name}={value}")
    if len(variables) > _MOST:
        yield "sets", f"{len(variables) - _MOST} more variables: reprun show --json"
    carried = [file.path for file in spec.carried]
    given = (("passes on", spec.secrets), ("gets yours", carried), ("may write", spec.writable), ("reads", spec.data))
    for label, found in given:
        if found:
            yield label, _cut(", ".join(found))
    origin = manifest.table("target")
    yield "it says", f"launched {manifest.data['created']} on {origin.get('hostname') or 'an unnamed host'}"


def _installs(workspace: Workspace, manifest: Manifest, lock: str) -> str:
    """What the lock brings here, by the lock itself: scripts of packages are run too."""
    from reprun.commands.environment import read_lock
    from reprun.env.lockfile import read_all

    packages = read_all(read_lock(workspace, lock), str(manifest.table("environment").get("platform", "")))
    places = {str(item["url"]).rsplit("/", 2 if item["manager"] == "conda" else 1)[0] for item in packages}
    return f"{len(packages)} packages from {', '.join(sorted(places))}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… and {len(text) - _LONGEST} more characters: reprun show"
