"""Ports that the job wants to listen on."""

from __future__ import annotations

import errno
import socket
from typing import Any, List

from reprun.runner.probe import Context, Facts


def probe(context: Context) -> Facts:
    """`taken`: [port, why] of those that cannot be had now; `taken6`: ports that only a job without IPv6 can have."""
    taken: List[Any] = []
    taken6: List[int] = []
    for port in context.ask["ports"]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was closed a minute ago is free
            try:
                one.bind(("", port))
            except OSError as error:
                why = "is taken" if error.errno == errno.EADDRINUSE else "cannot be had: %s" % error.strerror
                taken.append([port, why])
                continue
        if _is_taken6(port):
            taken6.append(port)
    return {"taken": taken, **({"taken6": taken6} if taken6 else {})}, {}


def _is_taken6(port: int) -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(("::", port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE  # anything else: there is no IPv6
    return False
