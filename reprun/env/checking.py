"""What is wrong with the sources of a lock, said before conda-lock reads them: it breaks at some, and leaves out others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence

from reprun.core.errors import UsageError
from reprun.core.text import show
from reprun.env.sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DEPENDENCIES = "dependencies: [python=3.11, numpy]"
_READABLE = {"conda-lock", "poetry", "pdm", "flit"}
_PIXI = "pixi workspace export conda-environment environment.yml"
# As conda-lock looks for `# [win]`. What stands in the brackets must be one of these words, else no platform gets the line.
_SELECTOR = re.compile(r"(.+?)\s*(#.*)\[([^\[\]]+)\](?(2)[^\(\)]*)$")
_SELECTORS = {"aarch64", "arm64", "linux", "linux64", "osx", "osx64", "ppc64le", "unix", "win", "win64"}
_WITHOUT_PROJECT = "leave it out: the code of the project itself comes from the worktree"
_PIP_OPTIONS = {
    "-r": "list its packages here: they are locked with their hashes",
    "-c": "give the versions here",
    "-i": "pip-repositories: ['https://…/simple/'] in the same file names an index",
}
_LONG = {
    "--requirement": "-r", "--constraint": "-c", "--index-url": "-i", "--extra-index-url": "-i", "--find-links": "-i", "-f": "-i",
}  # fmt: skip


def check_sources(sources: Sources) -> list[str]:
    """What should be known before they are solved: pip sections. Raises `UsageError` for a file that cannot be read."""
    notes, silent = list[str](), list[str]()
    for path, data in sources.files:
        if os.path.basename(path) == "meta.yaml":  # a template: only its own reader understands it
            continue
        parsed = _parse(path, data)
        if path.endswith(".toml"):
            _check_project(path, parsed)
            continue
        if not isinstance(parsed.get("dependencies"), list):
            raise UsageError(f"{show(path)} has no list of dependencies", hint=_DEPENDENCIES)
        _check_texts(path, parsed)
        pip = _pip_lines(path, parsed["dependencies"])
        notes += [*_pip_notes(path, pip), *_variables(path, parsed)]
        silent += [] if parsed.get("channels") else [show(path)]
    if len(silent) == len(sources.files) > 0:
        notes.append(f"{', '.join(silent)} names no channels: the lock depends on the defaults of the solver")
    return notes


def check_selectors(sources: Sources) -> None:
    """Raises `UsageError` for a line that conda-lock would leave out on every platform: the lock would lack it unseen."""
    for path, data in sources.files:
        if not path.endswith((".yml", ".yaml")) or os.path.basename(path) == "meta.yaml":
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            match = None if line.lstrip().startswith("#") else _SELECTOR.match(line)
            if match and match[3] not in _SELECTORS:
                raise UsageError(
                    f"{show(path)} has a selector in line {number} that conda-lock does not know, and would leave out the line: "
                    f"[{show(match[3][:60])}]",
                    hint=f"one of [{'], ['.join(sorted(_SELECTORS))}], or no brackets in the comment",
                )


def _check_texts(path: str, parsed: Mapping[str, Any]) -> None:
    """Raises `UsageError` for what conda-lock would break at."""
    from reprlib import repr as repr_of

    channels, category = parsed.get("channels") or [], parsed.get("category", "")
    if not isinstance(channels, list) or not all(isinstance(name, str) and name for name in channels):
        raise UsageError(f"the channels in {show(path)} are no list of names", hint="channels: [conda-forge]")
    if not isinstance(category, str):
        raise UsageError(f"the category in {show(path)} is no text: {repr_of(category)}", hint="category: dev")


def _pip_lines(path: str, dependencies: Sequence[Any]) -> list[str]:
    """What the pip sections name. Raises `UsageError` for what conda-lock would break at, or not see."""
    from reprlib import repr as repr_of  # short, whatever it is that was nested by aliases

    found = list[str]()
    for item in dependencies:
        lines = item.get("pip") if isinstance(item, dict) else None
        names = [item] if isinstance(item, str) else lines or []
        if (
            not item
            or not isinstance(item, (str, dict))
            or (isinstance(item, dict) and item.keys() != {"pip"})
            or not isinstance(names, list)
            or not all(isinstance(name, str) for name in names)
        ):
            raise UsageError(
                f"{show(path)} has a dependency that is no text: {show(repr_of(item)[:60])}",
                hint="dependencies: [python=3.11, pip, {pip: ['tally>=1.0']}]",
            )
        found += lines or []
    return found


def _pip_notes(path: str, lines: Sequence[str]) -> Iterator[str]:
    """What should be known of a pip section. Raises `UsageError` for lines that conda-lock does not understand."""
    editable = [line.split(maxsplit=1)[-1] for line in lines if line.startswith(("-e ", "--editable "))]
    for line in lines:
        word = re.split(r"[\s=]", line.strip(), maxsplit=1)[0]
        if word.startswith("-") and word not in ("-e", "--editable"):
            hint = _PIP_OPTIONS.get(_LONG.get(word, word[:2]), "take it out")
            raise UsageError(f"{show(path)} has an option under pip that no lock can follow: {show(line[:100])}", hint=hint)
        if word.startswith((".", "/", "file:")) or word == "--editable":
            raise UsageError(f"{show(path)} names a folder under pip: {show(line[:100])}", hint=_WITHOUT_PROJECT)
        if "git+" in line or line.startswith(("hg+", "svn+", "bzr+", "ssh://")):
            raise UsageError(
                f"{show(path)} wants what a repository holds at some moment: {show(_plain(line)[:100])}",
                hint="name a released version; what is built from sources is not the same everywhere",
            )
    if len(lines) > len(editable):
        yield (
            f"{show(path)} has a pip section ({len(lines) - len(editable)} packages): it needs PyPI, takes longer, and conda's "
            "solver does not see what it brings"
        )
    elsewhere = [show(text) for text in editable if text.strip("./ ")]
    if elsewhere:
        yield f"{show(path)} wants {', '.join(elsewhere)} as it lies there: that is not in the lock, nor in the environment"


def _variables(path: str, parsed: Mapping[str, Any]) -> Iterator[str]:
    names = parsed.get("variables")
    if isinstance(names, dict) and names:
        listed = ", ".join(show(str(name)) for name in list(names)[:5])
        yield f"{show(path)} sets variables ({listed}), which are in no lock: [env] in reprun.toml gives them to the job"


def _check_project(path: str, parsed: Mapping[str, Any]) -> None:
    """Raises `UsageError` where conda-lock would find nothing in a pyproject.toml, and lock that."""
    tools = parsed.get("tool")
    names = set(tools) if isinstance(tools, dict) else set[str]()
    project = parsed.get("project")
    if ("pixi" in names or "workspace" in parsed) and "conda-lock" not in names:
        raise UsageError(f"{show(path)} keeps its packages as pixi does, which conda-lock does not read", hint=_PIXI)
    if not isinstance(project, dict) and not _READABLE & names:
        raise UsageError(f"{show(path)} says nothing about dependencies", hint="[project] dependencies, or [tool.conda-lock]")
    dynamic = project.get("dynamic") if isinstance(project, dict) else None
    if isinstance(dynamic, list) and "dependencies" in dynamic and not _READABLE & names:
        raise UsageError(
            f"{show(path)} has its dependencies computed by its build, which conda-lock does not run",
            hint="[project] dependencies, [tool.conda-lock.dependencies], or environment.yml",
        )


def _parse(path: str, data: bytes) -> dict[str, Any]:
    """The table in a YAML or TOML file."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{show(path)} is not text in UTF-8") from None
    try:
        if path.endswith(".toml"):
            import tomllib

            return tomllib.loads(text)
        import yaml

        parsed = yaml.safe_load(text)
        twice = _find_twice(yaml.compose(text, yaml.SafeLoader))
    except ValueError as error:
        raise UsageError(f"{show(path)} is not valid TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{show(path)} is nested too deeply", hint=_DEPENDENCIES) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"{show(path)} is not valid YAML{line}: {show(str(getattr(error, 'problem', None) or error))}",
            hint=f"mend {show(path)}",
        ) from None
    if parsed is None:
        raise UsageError(f"{show(path)} is empty", hint=_DEPENDENCIES)
    if not isinstance(parsed, dict):
        raise UsageError(f"{show(path)} must be a table with the dependencies", hint=_DEPENDENCIES)
    if twice:
        raise UsageError(f"{show(path)} says {show(twice)} twice: only one of them would count", hint=f"mend {show(path)}")
    return parsed


def _find_twice(root: Any) -> str:
    """A key that stands twice at the top: YAML forbids it, and its readers take the last."""
    pairs = getattr(root, "value", None) if getattr(root, "id", "") == "mapping" else None
    keys = [str(key.value) for key, _ in pairs or ()]
    return next((key for key in keys if keys.count(key) > 1), "")


def _plain(text: str) -> str:
    """Without the name and password in an address."""
    return re.sub(r"//[^/\s@]+@", "//", text)
