"""The runner as it is sent to hosts: a zip file that is named by its digest, and the one command that is typed there."""

from __future__ import annotations

import os

from reprun.core.frozen import dataclass
from reprun.runner.digests import sha256

_TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PARTS = ("", "injob/reprun_job/", "watch/")  # the runner, and what it puts on the path of jobs
_FIXED = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip file knows: equal files make equal archives


@dataclass(frozen=True)
class Shipment:
    """The runner: its files as (name, content), and their `digest`, hexadecimal, by which a host knows what it has."""

    digest: str
    files: tuple[tuple[str, bytes], ...]

    def archive(self) -> bytes:
        """The files as a zip file."""
        import io
        import zipfile

        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, data in self.files:
                archive.writestr(zipfile.ZipInfo(name, _FIXED), data, zipfile.ZIP_DEFLATED)
        return target.getvalue()


def pack_runner() -> Shipment:
    """The package `reprun.runner` as it stands on this machine, with what is for jobs."""
    folder = os.path.join(_TOP, "runner")
    names = ["__init__.py", *(f"runner/{name}" for part in _PARTS for name in _programs(folder, part))]
    digest = sha256()
    files = []
    for name in names:
        data = _read(os.path.join(_TOP, name))
        digest.update(f"{name} {len(data)}\n".encode() + data)
        files.append((f"reprun/{name}", data))
    return Shipment(digest.hexdigest()[:32], tuple(files))


def _programs(folder: str, part: str) -> list[str]:
    return [part + name for name in sorted(os.listdir(os.path.join(folder, part))) if name.endswith(".py")]


def bootstrap_command(python: str) -> str:
    """What the login shell of a host is given: the same constant for every request.

    Quotes differ between shells, backslashes and hexadecimal digits do not: sh, bash, zsh, csh and fish read this alike.
    """
    return python_command(python, _read(os.path.join(_TOP, "runner", "bootstrap.py")))


def python_command(python: str, program: bytes) -> str:
    """The words that let `python` execute a program, safe in every login shell."""
    return f"exec {python} -I -S -c import\\ sys\\;exec\\(bytes.fromhex\\(sys.argv.pop\\(\\)\\)\\) {program.hex()}"


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
