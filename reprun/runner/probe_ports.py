"""Ports that the job wants to listen on."""

from __future__ import annotations

import errno
import socket
from typing import Any, List

from reprun.runner.probe import Context, Facts


def probe(context: Context) -> Facts:
    """`taken`: [port, why] of those that cannot be had now."""
    taken: List[Any] = []
    for port in context.ask["ports"]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was closed a minute ago is free
            try:
                one.bind(("", port))
            except OSError as error:
                why = "is taken" if error.errno == errno.EADDRINUSE else "cannot be had: %s" % error.strerror
                taken.append([port, why])
    return {"taken": taken}, {}
