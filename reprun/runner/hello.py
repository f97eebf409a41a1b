"""What a dev machine has to know of this host before it can send code: who it is, and what is here already."""

from __future__ import annotations

import os
import time
from typing import Any, Dict

from reprun.runner.files import read_text
from reprun.runner.paths import Home
from reprun.runner.receive import known_commits


def hello(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """`shared`: the file `probe` of the dev repository has the same content here, so its disk is this one's too."""
    path, content = request["probe"]
    return {
        "machine_id": read_text("/etc/machine-id").strip(),
        "hostname": os.uname().nodename,
        "home": home.root,
        "time": time.time(),
        "commits": known_commits(home.store(request["key"])),
        "shared": bool(content) and read_text(path) == content,
    }
