"""Letting the queue go on by itself after a reboot: a systemd user unit, or where there is none a line of cron."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, write_atomic
from reprun.runner.paths import Home, own_runner
from reprun.runner.process import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

UNIT = "reprun-queue.service"
_MARK = "# reprun queue"
_TEXT = """\
[Unit]
Description=The queue of reprun: starts the runs that wait

[Service]
Environment=@HOME
ExecStart=@WORDS
# What runs goes on when this unit is stopped.
KillMode=process

[Install]
WantedBy=default.target
"""


def install(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Sets it up, or with `undo` takes it away. Answers with `kind`, `path` or `line`, the command that undoes it, and notes."""
    undo = bool(request.get("undo"))
    words = [request.get("python") or sys.executable, "-I", "-S", "-B", _runner(home, undo), "work"]
    if _succeeds(["systemctl", "--user", "show-environment"]):
        return _unit(home, words, undo)
    if shutil.which("crontab"):
        return _cron(home, words, undo)
    raise RunnerError(
        "tool",
        "there is neither systemd for this user nor crontab, so nothing starts by itself after a reboot",
        "reprun queue resume   after a reboot; any launch does it too",
    )


def unit_text(home: str, words: List[str]) -> str:
    """The unit, spelled as systemd reads it: `%` and `$` mean something to it, and blanks part words."""
    return _TEXT.replace("@HOME", _quoted("REPRUN_HOME=" + home, "")).replace(
        "@WORDS", " ".join(_quoted(word, "$") for word in words)
    )


def cron_line(home: str, words: List[str]) -> str:
    """The line for crontab: a shell reads it, after cron has made line ends of `%`."""
    command = " ".join(["REPRUN_HOME=" + shlex.quote(home), *(shlex.quote(word) for word in words)])
    return "@reboot %s >/dev/null 2>&1 %s" % (command.replace("%", "\\%"), _MARK)


def _quoted(word: str, doubled: str) -> str:
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    for char in doubled:
        text = text.replace(char, char * 2)
    return '"%s"' % text


def _runner(home: Home, undo: bool) -> str:
    """The runner for after the reboot. One that was sent here may be removed when it is not used: it is copied."""
    folder = os.path.dirname(os.path.abspath(__file__))
    if undo or not own_runner().startswith(os.path.join(home.runners, "")):
        return folder
    kept = os.path.join(ensure_dir(os.path.join(home.root, "queue")), "runner")
    aside = "%s.%d.tmp" % (kept, os.getpid())
    shutil.copytree(own_runner(), aside)
    if os.path.isdir(kept):
        shutil.rmtree(kept)
    os.rename(aside, kept)
    return os.path.join(kept, os.path.relpath(folder, own_runner()))


def _unit(home: Home, words: List[str], undo: bool) -> Dict[str, Any]:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    base = base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".config")
    path = os.path.join(base, "systemd", "user", UNIT)
    if undo:
        there = os.path.lexists(path)
        run(["systemctl", "--user", "disable", UNIT], check=False)
        if there:
            os.unlink(path)
        run(["systemctl", "--user", "daemon-reload"], check=False)
        return {"kind": "systemd", "path": path, "removed": there}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_atomic(path, unit_text(home.root, words).encode(), mode=0o644)
    for more in (["daemon-reload"], ["enable", UNIT]):
        done = run(["systemctl", "--user", *more], check=False)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise RunnerError("tool", "systemctl --user %s: %s" % (more[0], said), "rm " + shlex.quote(path))
    notes = [] if _lingers() else ["it begins when you log in; for the start of the machine: loginctl enable-linger"]
    undo_words = "systemctl --user disable %s && rm %s" % (UNIT, shlex.quote(path))
    return {"kind": "systemd", "path": path, "undo": undo_words, "notes": notes}


def _lingers() -> bool:
    return os.path.exists(os.path.join("/var/lib/systemd/linger", os.environ.get("USER") or str(os.getuid())))


def _cron(home: Home, words: List[str], undo: bool) -> Dict[str, Any]:
    told = run(["crontab", "-l"], check=False)
    if told.returncode and b"no crontab" not in told.stderr.lower():
        raise RunnerError("tool", "crontab -l: %s" % told.stderr.decode("utf-8", "replace").strip(), "crontab -e")
    before = told.stdout.decode("utf-8", "surrogateescape").splitlines() if not told.returncode else []
    kept = [line for line in before if not line.endswith(_MARK)]
    line = cron_line(home.root, words)
    after = kept if undo else [*kept, line]
    if after != before:
        text = "".join(one + "\n" for one in after).encode("utf-8", "surrogateescape")
        done = run(["crontab", "-"], check=False, stdin=text)
        if done.returncode:
            raise RunnerError(
                "tool", "crontab refuses the line: %s" % done.stderr.decode("utf-8", "replace").strip(), "crontab -e"
            )
    if undo:
        return {"kind": "cron", "line": "", "removed": after != before}
    return {"kind": "cron", "line": line, "undo": "crontab -l | grep -v '%s$' | crontab -" % _MARK, "notes": []}


def _succeeds(words: List[str]) -> bool:
    return shutil.which(words[0]) is not None and run(words, check=False).returncode == 0
