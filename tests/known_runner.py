"""A runner that is there already: as on a host that this version of reprun has met before.

Sending and translating it is most of what a first request to a new host costs, and nearly every test begins with one.
What happens then is tested where the host is new: test_doctor_host.py, test_far_gc.py, test_remote_truth.py and others.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

from reprun.hosts.shipping import pack_runner
from reprun.runner import bootstrap
from reprun.runner.files import locked, remove_tree

_TAKE = """import os, runpy, sys
os.umask(0o077)
runpy.run_path(sys.argv[1])["take"](open(0, "rb", 0), sys.argv[2])
"""


def put_runner(home: Path, python: str = "/usr/bin/python3") -> None:
    """Puts it into the `$REPRUN_HOME` of a host whose Python is `python`; where that is not here, nothing happens."""
    if Path(python).exists():
        made = _translated(python)
        target = home / "runners" / made.name
        home.mkdir(0o700, parents=True, exist_ok=True)
        shutil.copytree(made, target)


@functools.cache
def _translated(python: str) -> Path:
    """The runner as that Python unpacks it: made once, and kept beside the old tools until it changes."""
    shipment = pack_runner()
    top = Path(sys.prefix) / "runners"
    top.mkdir(exist_ok=True)
    place = top / shipment.digest
    with locked(str(top / "lock"), exclusive=True):
        if not place.exists():
            for old in top.iterdir():
                if old.is_dir():
                    remove_tree(str(old))
            archive = shipment.archive()
            words = [python, "-I", "-S", "-c", _TAKE, bootstrap.__file__, str(place)]
            subprocess.run(words, input=b"%d\n" % len(archive) + archive, check=True)
    return place
