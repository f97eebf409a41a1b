"""Programs with a time limit: whatever they do with their streams and their children, nobody waits for more than their end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from lab import until

from reprun.core.errors import ToolError
from reprun.runner.limited import KEPT
from reprun.system.limited import Ended, run_limited

FOR_EVER = 3600
SLOWER = (0.5, 4, 60)  # for a machine that had other things to do


def sh(text: str, tmp_path: Path, seconds: float = FOR_EVER, stdin: bytes = b"") -> Ended:
    return run_limited(["sh", "-c", text], str(tmp_path), dict(os.environ), stdin, seconds)


def test_its_status_and_what_it_said_on_both_streams(tmp_path: Path) -> None:
    assert sh("echo out; echo err >&2; cat; exit 3", tmp_path, stdin=b"given\n") == Ended(3, b"out\nerr\ngiven\n", 0)
    assert sh("kill -TERM $$", tmp_path).status == -15


def test_time_is_up_for_all_that_it_has_started(tmp_path: Path) -> None:
    for seconds in SLOWER:
        ended = sh("sleep 1000 & echo $! > child; echo begun; wait", tmp_path, seconds)
        assert ended.status is None
        if ended.said:
            break
    assert ended.said == b"begun\n"
    child = int((tmp_path / "child").read_text())
    until(
        lambda: not os.path.exists(f"/proc/{child}") or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text(), "it is gone"
    )


def test_of_a_flood_the_end_is_kept(tmp_path: Path) -> None:
    ended = sh("yes 0123456789abcde | head -c 3000000; echo the end", tmp_path)
    assert ended.status == 0 and len(ended.said) == KEPT and ended.said.endswith(b"the end\n")
    assert ended.dropped == 3_000_000 + len("the end\n") - KEPT


def test_a_flood_that_does_not_end(tmp_path: Path) -> None:
    lengths = []
    for seconds in SLOWER:
        ended = sh("yes", tmp_path, seconds)
        assert ended.status is None
        lengths.append(len(ended.said))
        if lengths[-1] == KEPT:
            break
    assert lengths[-1] == max(lengths) == KEPT


def test_what_it_leaves_behind_holds_nobody_up(tmp_path: Path) -> None:
    ended = sh("sleep 1000 & echo $! > child; echo done", tmp_path)
    assert ended == Ended(0, b"done\n", 0)
    os.kill(int((tmp_path / "child").read_text()), 9)


def test_who_floods_on_behind_it_holds_nobody_up(tmp_path: Path) -> None:
    assert sh("yes & echo $! > child; exit 4", tmp_path).status == 4


@pytest.mark.parametrize("text", ["exec <&-; echo fine", "exec <&- >&- 2>&-; exit 0", "exec >&- 2>&-; cat > /dev/null"])
def test_streams_may_be_closed(tmp_path: Path, text: str) -> None:
    assert sh(text, tmp_path, stdin=b"x" * 1_000_000).status == 0


def test_it_has_no_terminal_and_leads_its_own_group(tmp_path: Path) -> None:
    ended = sh("( : < /dev/tty ) 2>/dev/null && echo terminal; ps -o pgid= -p $$ | tr -d ' '; echo $$", tmp_path)
    group, own = ended.said.split()
    assert group == own


def test_a_script_without_a_first_line_is_one_of_sh(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text('echo "$1"\n')
    script.chmod(0o755)
    assert run_limited([str(script), "word"], str(tmp_path), dict(os.environ), b"", FOR_EVER).said == b"word\n"


@pytest.mark.parametrize("first", ["#!/no/such/interpreter", "\x7fELF not really"])
def test_what_cannot_be_started_is_said(tmp_path: Path, first: str) -> None:
    script = tmp_path / "script"
    script.write_text(first + "\n")
    script.chmod(0o755)
    if first.startswith("#!"):
        with pytest.raises(ToolError, match="the interpreter in its first line is not here"):
            run_limited([str(script)], str(tmp_path), {}, b"", FOR_EVER)
    else:
        assert run_limited([str(script)], str(tmp_path), {}, b"", FOR_EVER).status != 0
    script.write_bytes(b"#!/bin/sh\r\nexit 0\r\n")
    with pytest.raises(ToolError, match="as on Windows"):
        run_limited([str(script)], str(tmp_path), {}, b"", FOR_EVER)
    with pytest.raises(ToolError, match="cannot be started"):
        run_limited([str(tmp_path)], str(tmp_path), {}, b"", FOR_EVER)


def test_without_a_word_of_the_kernel_about_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert sh("echo out; exit 3", tmp_path) == Ended(3, b"out\n", 0)
    assert sys.version_info >= (3, 8)
