"""pytest with an honest second chance: `python scripts/run_tests.py WORD…`, the words being those of pytest.

When at most eight tests failed, they are run once more, alone, and that decides. On a machine with few processors the workers
are in each other's way: a test that fails then and passes alone is a flake. It is a bug all the same, so its name is the last
thing said. Whatever else is wrong (more failures, a module that cannot be imported, a worker that died, a run that was cut
short) counts at once.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_FEW = 8


class Recorder:
    """What failed, and whether that is all there is to know."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.is_whole = True

    def pytest_configure(self, config: pytest.Config) -> None:
        """After the first failures that it was told to stop at, nothing is known of the rest."""
        self.is_whole = not config.getvalue("maxfail")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be read has tests that were not run."""
        self.is_whole = self.is_whole and not report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Here come the reports of all workers; one that died has a report with a phase of its own."""
        self.is_whole = self.is_whole and report.when in ("setup", "call", "teardown")
        if report.failed and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Somebody may have ended it early."""
        self.is_whole = self.is_whole and not session.shouldstop and not session.shouldfail


def main(words: list[str]) -> int:
    """Runs the tests; the exit status is pytest's, of the run that decides."""
    sys.path[0] = os.getcwd()  # as `python -m pytest` has it
    recorder = Recorder()
    status = int(pytest.main(words, plugins=[recorder]))
    failed = recorder.failed
    if status != pytest.ExitCode.TESTS_FAILED or not recorder.is_whole or not 0 < len(failed) <= _FEW:
        return status
    names = "\n".join(f"  {name}" for name in failed)
    number = f"{len(failed)} test{'s' * (len(failed) > 1)}"
    say(f"{number} failed; once more, alone: what fails now too is broken, what passes is a flake to mend:\n{names}")
    # A process of its own: nothing of the first run is in it.
    status = subprocess.run([sys.executable, "-m", "pytest", "-n", "0", *failed], check=False).returncode
    say(f"failed beside others{', passed alone; flakes are bugs, to be mended' if status == 0 else ''}:\n{names}")
    return status


def say(text: str) -> None:
    """After all that pytest has said so far."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
