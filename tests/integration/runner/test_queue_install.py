"""What lets a queue go on after a reboot: written so that systemd, cron and a shell read the same words, and taken away again."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home
from reprun.runner.queue_install import UNIT, cron_line, install, unit_text

ODD = '/home/o\'dd $x %h "q" \\b'
CRONTAB = """#!/bin/sh
case $1 in
  -l) cat "$0.table" 2>/dev/null || { echo "no crontab for me" >&2; exit 1; } ;;
  -) cat > "$0.new" && mv "$0.new" "$0.table" ;;
esac
"""


@pytest.fixture
def programs(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for all of PATH: what is not in it is not on this machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "grep", "mv"):
        os.symlink(next(f"{place}/{name}" for place in ("/bin", "/usr/bin") if os.path.exists(f"{place}/{name}")), folder / name)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


def test_a_line_of_cron_and_back(programs: Path, home: Path) -> None:
    program(programs, "crontab", CRONTAB)
    table = Path(f"{programs}/crontab.table")
    place = Home(str(home))
    first = install(place, {})
    assert first["kind"] == "cron" and table.read_text() == first["line"] + "\n"
    table.write_text("0 5 * * * mine\n" + table.read_text())
    assert install(place, {})["line"] == first["line"] and table.read_text().count("@reboot") == 1  # again: once
    subprocess.run(["sh", "-c", str(first["undo"])], check=True, env={"PATH": str(programs)})
    assert table.read_text() == "0 5 * * * mine\n"
    install(place, {})
    assert install(place, {"undo": True})["removed"] is True and table.read_text() == "0 5 * * * mine\n"
    assert install(place, {"undo": True})["removed"] is False


def test_a_unit_of_systemd_and_back(programs: Path, home: Path, tmp_path: Path) -> None:
    program(programs, "systemctl", '#!/bin/sh\necho "$@" >> "$0.log"\n')
    found = install(Home(str(home)), {})
    path = tmp_path / "config" / "systemd" / "user" / UNIT
    assert found["kind"] == "systemd" and found["path"] == str(path) and "KillMode=process" in path.read_text()
    assert Path(f"{programs}/systemctl.log").read_text().splitlines()[-1] == f"--user enable {UNIT}"
    assert install(Home(str(home)), {"undo": True})["removed"] and not path.exists()


def test_neither_is_here(programs: Path, home: Path) -> None:
    program(programs, "systemctl", "#!/bin/sh\nexit 1\n")  # as in a container
    with pytest.raises(RunnerError) as error:
        install(Home(str(home)), {})
    assert error.value.kind == "tool" and error.value.hint.startswith("reprun queue resume")


def test_odd_names_stay_words() -> None:
    line = cron_line(ODD, ["/py thon", "work"])
    assert line.startswith("@reboot ") and "\n" not in line
    assert "%" not in line.replace("\\%", "")  # a bare one ends the command for cron
    words = shlex.split(line.removeprefix("@reboot ").partition(" >/dev/null")[0].replace("\\%", "%"))
    assert words == [f"REPRUN_HOME={ODD}", "/py thon", "work"]
    text = unit_text(ODD, ["/py $thon", "work"])
    assert '\nEnvironment="REPRUN_HOME=/home/' in text  # systemd knows quotes at the beginning of a word
    assert 'ExecStart="/py $$thon" "work"\n' in text and "%%h" in text and '\\"q\\" \\\\b' in text
