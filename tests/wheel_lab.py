"""Wheels that the tests make, and the uv.lock or requirements.txt that names them.

wheel = write_wheel(folder, "dial", "1.0", "VERSION = '1.0'", script="dial:main")
(repo / "uv.lock").write_text(uv_lock("demo", [wheel], ["dial"]))
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Made:
    """A wheel in a folder."""

    name: str
    version: str
    path: Path
    depends: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def write_wheel(
    folder: Path, name: str, version: str, source: str, script: str = "", depends: tuple[str, ...] = (), tag: str = "py3-none-any"
) -> Made:
    """A wheel with one module; `script` (`module:function`) is a program with the name of the package."""
    info = f"{name}-{version}.dist-info"
    texts = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in depends),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if script:
        texts[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name} = {script}\n"
    texts[f"{info}/RECORD"] = "".join(f"{one},,\n" for one in [*texts, f"{info}/RECORD"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in texts.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return Made(name, version, path, depends)


def requirements(*wheels: Made) -> str:
    """A requirements.txt that looks for these in their folder, and nowhere else."""
    lines = [f"{one.name}=={one.version} \\\n    --hash=sha256:{one.sha256}  # made by a test" for one in wheels]
    folders = dict.fromkeys(one.path.parent.as_uri() for one in wheels)
    return "\n".join(["--no-index", *(f"--find-links {folder}" for folder in folders), *lines]) + "\n"


def uv_lock(project: str, wheels: list[Made], needs: list[str], python: str = ">=3.8", more: str = "") -> str:
    """A uv.lock as uv writes it, for a project that needs these; `more` goes into the entry of the project."""
    parts = [f'version = 1\nrevision = 3\nrequires-python = "{python}"\n']
    edges = ", ".join(f'{{ name = "{name}" }}' for name in needs)
    parts.append(
        f'[[package]]\nname = "{project}"\nversion = "0.1"\nsource = {{ virtual = "." }}\ndependencies = [{edges}]\n{more}'
    )
    for one in wheels:
        depends = ", ".join(f'{{ name = "{name}" }}' for name in one.depends)
        size = one.path.stat().st_size
        parts.append(
            f'[[package]]\nname = "{one.name}"\nversion = "{one.version}"\nsource = {{ registry = "https://pypi.org/simple" }}\n'
            f"dependencies = [{depends}]\n"
            f'wheels = [\n    {{ url = "{one.path.as_uri()}", hash = "sha256:{one.sha256}", size = {size} }},\n]\n'
        )
    return "\n".join(parts)
