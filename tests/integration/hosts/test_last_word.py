"""A host that was told too much: it says that it has no runner and leaves, while the dev side still speaks."""

from __future__ import annotations

import sys

import pytest

from reprun.hosts.session import NoRunnerError, Session
from reprun.runner.bootstrap import MARK

HOST = f"""
import json, os
nonce = json.loads(input())["nonce"]
os.write(1, ("noise\\n{MARK} %s 14\\n" % nonce).encode() + b'{{"has": false}}')
"""


@pytest.mark.parametrize("attached", [None, [bytes(1 << 20)] * 8])
def test_what_it_said_last_is_heard(attached: list[bytes] | None) -> None:
    session = Session([sys.executable, "-c", HOST], "", (60, 60))
    session.greet(is_settled=True)
    session.conversation._process.wait(60)  # it has gone before the request
    with pytest.raises(NoRunnerError):
        session.send({"op": "state", "run_ids": []}, attached)
        session.receive()
