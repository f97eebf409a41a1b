"""How a child has ended can be asked again and again: nobody else gets its number before it is collected."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from lab import until

from reprun.runner.processes import find_status


@pytest.mark.parametrize(("end", "status"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)])
def test_a_child_that_has_ended_is_not_collected(end: str, status: int) -> None:
    code = f"import os, signal, sys; sys.stdin.read(); {end}"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert find_status(process.pid) is None
        assert process.stdin is not None
        process.stdin.close()
        until(lambda: find_status(process.pid) is not None, "it has ended")
        assert find_status(process.pid) == status
        assert process.wait() == status
