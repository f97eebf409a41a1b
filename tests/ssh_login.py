"""The login of a host of ssh_lab.py: its shell, what that reads at its start, its HOME and its PATH.

The shell of a login comes from passwd, which a test cannot change. So sshd is told to start a small script instead of what was
asked for, and the script starts the chosen shell just as sshd would have: in HOME, with the environment that sshd makes and
nothing more, and with what was asked for as the one word after `-c`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

# The file in HOME that the shell reads when sshd starts it for a command. dash reads none then.
_RC = {"bash": ".bashrc", "dash": None, "tcsh": ".cshrc", "csh": ".cshrc", "fish": ".config/fish/config.fish", "zsh": ".zshenv"}
SHELLS = ("bash", "dash", "tcsh", "fish", "zsh")
_PLACES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_PYTHON = re.compile(r"python[0-9.]*")
_SCRIPT = """#!/bin/sh
# See tests/ssh_login.py.
cd -- {home} || exit 1
asked=$SSH_ORIGINAL_COMMAND
set -- {become} env -u SSH_ORIGINAL_COMMAND -u SHLVL -u PWD -u OLDPWD -u _ {environ} {shell}
if [ -n "${{SSH_ORIGINAL_COMMAND+it was}}" ]; then exec "$@" -c "$asked"; else exec "$@" -l; fi
"""


@dataclass(frozen=True)
class Login:
    """What a login on the host is like.

    `rc` is the text of the file that the shell reads at its start. The programs named by `without` are not on PATH, `python3`
    being every Python. `path` are folders in front of PATH. `home` is the name of the folder that is HOME. `clock`, as "+1d" or
    "-1d", makes every program see another time, but files get the true one; it needs faketime.
    With `nobody`, whose login it is may do nothing that permissions forbid, also where root runs the tests.
    """

    shell: str = "bash"
    rc: str = ""
    without: tuple[str, ...] = ()
    path: tuple[str | os.PathLike[str], ...] = ()
    home: str = "home"
    clock: str = ""
    nobody: bool = False

    def home_in(self, folder: Path) -> Path:
        """HOME of the host whose files are in `folder`."""
        return folder / self.home

    def write(self, folder: Path) -> Path:
        """Makes HOME and the script in `folder`, and returns the script; what is in HOME already stays."""
        home = self.home_in(folder)
        home.mkdir(exist_ok=True)
        if self.rc:
            place = _RC[self.shell]
            assert place is not None, f"{self.shell} reads no file when sshd starts it for a command"
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            (home / place).write_text(self.rc)
        shell = shutil.which(self.shell, path=os.pathsep.join(_PLACES))
        assert shell is not None, f"no {self.shell} here: say needs({self.shell!r}) before"
        environ = [f"HOME={home}", f"SHELL={shell}", *self._path(folder), *self._clock()]
        become: list[str] = []
        if self.nobody and os.geteuid() == 0:
            become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            os.chown(home, 65534, 65534)
            for place in (folder, folder.parent):  # so that it gets there
                place.chmod(0o711)
        script = folder / "login"
        script.write_text(
            _SCRIPT.format(
                home=shlex.quote(str(home)), become=shlex.join(become), environ=shlex.join(environ), shell=shlex.quote(shell)
            ),
        )
        script.chmod(0o755)
        return script

    def _clock(self) -> list[str]:
        if not self.clock:
            return []
        return [f"LD_PRELOAD={find_faketime()}", f"FAKETIME={self.clock}", "DONT_FAKE_MONOTONIC=1"]

    def _path(self, folder: Path) -> list[str]:
        """PATH=…, or nothing where the one that sshd makes will do."""
        if not self.without and not self.path:
            return []
        places = list(_PLACES)
        if self.without:
            places = [str(_links(folder / "programs", set(self.without)))]
        return ["PATH=" + os.pathsep.join([*(os.fspath(place) for place in self.path), *places])]


def _links(folder: Path, without: set[str]) -> Path:
    """A folder with a link to every program of this machine but the ones that are to be missing."""
    folder.mkdir(exist_ok=True)
    for place in _PLACES:
        for entry in os.scandir(place) if os.path.isdir(place) else ():
            missing = entry.name in without or ("python3" in without and _PYTHON.fullmatch(entry.name))
            if not missing and not os.path.lexists(folder / entry.name):
                (folder / entry.name).symlink_to(entry.path)
    return folder


def find_faketime() -> Path:
    """The library of faketime. Its command shares memory under a name that a killed process of the same number may have left."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
