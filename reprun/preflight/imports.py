"""Can everything be imported that the job imports?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import REFUSE, WARN, Finding, sources_of

# Modules that come in a package of another name: of conda-forge, and of PyPI where that is yet another one.
_PACKAGES = {
    "attr": "attrs", "bs4": "beautifulsoup4", "cv2": "opencv", "Crypto": "pycryptodome", "dateutil": "python-dateutil",
    "dotenv": "python-dotenv", "git": "gitpython", "PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "torch": "pytorch", "yaml": "pyyaml", "tensorboard": "tensorboard", "jose": "python-jose", "serial": "pyserial",
    "umap": "umap-learn", "pytorch_lightning": "pytorch-lightning", "hydra": "hydra-core", "google": "protobuf",
}  # fmt: skip
_OF_PIP = {"opencv": "opencv-python-headless", "pytorch": "torch"}


class ImportsCheck:
    """The modules of the entry are importable on the target; what fails for certain is refused, the rest is warned of."""

    name = "imports"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each problem that was met."""
        facts = prepared.get("preflight", {}).get("imports", {})
        return [self._finding(problem, facts, prepared) for problem in facts.get("problems", [])]

    def _finding(self, problem: Mapping[str, Any], facts: Mapping[str, Any], prepared: Mapping[str, Any]) -> Finding:
        kind, name, where = problem["kind"], show(str(problem["name"])), show(str(problem["where"]))
        said, at = show(str(problem["message"])), f" ({where})" if where else ""
        severity = REFUSE if problem["certain"] else WARN
        again = f"try it there: {python_of(prepared)} -X faulthandler -c 'import {name or 'this'}'"
        package = package_of(name, prepared)
        message, hint = {
            "absent": (f"there is no {name} in the snapshot", f"check the path; is it ignored? git check-ignore -v {name}"),
            "syntax": (f"{where} has a syntax error: {said}", f"mend {where}"),
            "missing": (f"there is no module {name}{at}", _bring(problem, prepared)),
            "import": (f"{name} cannot be imported{at}: {said}", f"mend it, or change the version of {package}"),
            "error": (f"importing {name} fails{at}: {said}", f"mend {where or 'it'}"),
            "exit": (f"importing {name} ends the interpreter{at}: {said}", "runs belong under if __name__ == '__main__'"),
            "slow": (f"importing {name or 'the modules'}{at}: {said}", "[preflight] timeout in reprun.toml gives it longer"),
            "ended": (f"importing {name or 'the modules'}{at}: {said}", again),
        }.get(kind, (said, again))  # fmt: skip
        return Finding(self.name, message, hint, severity)


def package_of(module: str, prepared: Mapping[str, Any]) -> str:
    """The package that most likely holds a module, as the environment of the job would name it."""
    top = module.partition(".")[0]
    package = _PACKAGES.get(top, top.replace("_", "-").lower())
    return package if sources_of(prepared) == "environment.yml" else _OF_PIP.get(package, package)


def _bring(problem: Mapping[str, Any], prepared: Mapping[str, Any]) -> str:
    module, near = str(problem["name"]), str(problem.get("near", ""))
    top, dot, _ = module.partition(".")
    if dot:  # what is above it is there
        path = show(module.replace(".", "/"))
        spelling = f"check the spelling, or the version of {show(package_of(top, prepared))}"
        return f"check the spelling; is it ignored? git check-ignore -v {path}.py" if near else spelling
    if near:
        folder = "the worktree" if near == "." else near
        return f"it is in {folder}, where Python does not look: put it beside the script, or launch with python -m"
    package = show(package_of(module, prepared))
    if sources_of(prepared):
        return f"add {package} to {sources_of(prepared)}, then launch again"
    return f"{python_of(prepared)} -m pip install {package}"


def python_of(prepared: Mapping[str, Any]) -> str:
    found = prepared.get("environment", {})
    return show(f"{found['prefix']}/bin/python" if found.get("prefix") else "python")
