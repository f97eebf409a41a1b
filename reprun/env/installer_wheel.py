"""py-rattler for a machine of another kind than this one: the wheel that is published for it, fetched by pip."""

from __future__ import annotations

import os
import sys

from reprun.core.errors import RefusedError, ToolError
from reprun.core.text import show
from reprun.system.process import run

_SECONDS = 600
_OLDEST, _NEWEST = 17, 44  # of glibc 2: no wheel of py-rattler needs less, and none will need more for years
_WITHOUT = 'kind = "system" under [environment] in reprun.toml'
_MACOS = "macosx_12_0"  # pip takes what is for older ones, too


def wheel_tags(host: str, glibc: str) -> list[str]:
    """The platforms in names of wheels that a host can load, the least demanding first; `glibc` is empty where it is not known.

    pip takes these tags to the letter: a wheel for glibc 2.28 is found by its own tag only.
    """
    system, _, machine = host.partition("-")
    if system == "darwin":
        return [f"{_MACOS}_{machine}"]
    major, _, minor = glibc.partition(".")
    newest = int(minor) if major == "2" and minor.isdigit() else _NEWEST
    return [f"manylinux_2_{number}_{machine}" for number in range(_OLDEST, newest + 1)]


def check_glibc(host: str, glibc: str) -> None:
    """Raises `RefusedError` for a host that is older than every wheel of py-rattler."""
    if not wheel_tags(host, glibc):
        raise RefusedError(
            f"py-rattler, which makes environments, needs glibc 2.{_OLDEST} or newer, and the host has {show(glibc)}",
            hint=_WITHOUT,
        )


def download(version: str, host: str, glibc: str, folder: str) -> None:
    """Unpacks py-rattler for the host into the folder. Raises `ToolError` where there is none for it, or no way to it."""
    import zipfile

    tags = wheel_tags(host, glibc)
    words = ["--only-binary", ":all:", "--no-deps", "--python-version", "310", "--implementation", "cp", "--abi", "abi3"]
    words += [word for tag in tags for word in ("--platform", tag)]
    words += ["--dest", folder, "--quiet", "--disable-pip-version-check", "--no-input"]
    done = run([sys.executable, "-P", "-m", "pip", "download", *words, f"py-rattler=={version}"], check=False, timeout=_SECONDS)
    wheel = next((os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".whl")), "")
    if done.returncode or not wheel:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["pip says nothing"]
        what = f"{host} with glibc {glibc}" if glibc else host
        raise ToolError(
            f"py-rattler {version}, which makes environments, cannot be had for {what}: {show(said[0].removeprefix('ERROR: '))}",
            hint=f"check that pip reaches an index here; to do without: {_WITHOUT}",
        )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)  # from where py-rattler itself was installed
    os.unlink(wheel)
