"""Why conda-lock did not find packages of pip: there it acts as poetry does, with a traceback of its own kind."""

from __future__ import annotations

import re
from collections.abc import Callable

from reprun.core.errors import ReprunError, ToolError, UsageError
from reprun.core.text import show

_UNSOLVED = re.compile(r"^[\w.]*SolverProblemError: (.*)", re.MULTILINE | re.DOTALL)
_NO_REQUIREMENT = re.compile(r"^[\w.]*InvalidRequirement: (.*)(?:\n {4}(.*)\n)?", re.MULTILINE)
_UNREACHABLE = re.compile(r"HTTPS?ConnectionPool\(host='([^']*)', port=(\d+)\)(?:: Max retries exceeded with url: (\S*))?(.*)")
_CAUSE = re.compile(r"\[Errno -?\d+\] ([^'\")]*)|(Read timed out|certificate verify failed)")
_HINT = "check pip-repositories in environment.yml, and the network; or name the packages under dependencies, as conda's"


def explain_pip(names: str, platform: str, said: str, block: Callable[[str], str]) -> ReprunError | None:
    """The error for what conda-lock `said`; None when it was not about pip. `block` shows lines."""
    unsolved = list(_UNSOLVED.finditer(said))
    if unsolved:
        message = unsolved[-1][1].replace("-dummy-package-", names).strip()
        return UsageError(
            f"the packages of pip in {names} cannot be found for {platform}:\n{block(message)}",
            hint=f"change the versions in {names}, then reprun env lock",
        )
    wrong = list(_NO_REQUIREMENT.finditer(said))
    if wrong:
        line = f" {show(wrong[-1][2].strip())}" if wrong[-1][2] else ""
        return UsageError(
            f"{names} has a line{line} that is no requirement: {show(wrong[-1][1])}", hint='write it as "tally>=1.0"'
        )
    unreachable = list(_UNREACHABLE.finditer(said))
    if unreachable:
        host, port, path, rest = unreachable[-1].groups()
        found = _CAUSE.search(rest)
        why = show(next(filter(None, found.groups()))) if found else "it does not answer"
        what = "the table of names of packages" if "mapping" in f"{path}{rest}" else "packages of pip"
        return ToolError(f"{names} wants {what} from {host}:{port}, which cannot be asked: {why}", hint=_HINT)
    if "Got pip specs without Python" in said:
        return UsageError(f"{names} wants packages of pip, but no python", hint=f"add python and pip to {names}")
    if "JSONDecodeError: " in said and "pypi_repository.py" in said:
        return ToolError(f"{names} wants packages of pip, and what answers for PyPI is something else", hint=_HINT)
    return None
