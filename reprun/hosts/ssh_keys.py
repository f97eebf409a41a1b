"""What a person types when a host does not accept their key."""

from __future__ import annotations

import os
import shlex
from itertools import pairwise

from reprun.hosts.ssh_client import Settings, by_hand, client
from reprun.hosts.ssh_sharing import line_by_hand
from reprun.system.files import find_own_bytes

_PASSED_ON = ("-F", "-o", "-p", "-i")  # words of REPRUN_SSH that ssh-copy-id takes too
_HEAD = b"openssh-key-v1\0"


def key_hint(address: str, settings: Settings, methods: str) -> str:
    """The lines for a login that was denied; `methods` are the ways that the host offered last, as ssh tells them."""
    lines = []
    by_key = "publickey" in methods
    asks = "password" in methods or "keyboard-interactive" in methods
    if by_key:
        keys = [os.path.expanduser(path) for path in settings.all("identityfile")]
        locked = [path for path in keys if _is_locked(path)]
        if locked and not os.environ.get("SSH_AUTH_SOCK"):
            lines.append(
                f'eval "$(ssh-agent)" && ssh-add {shlex.quote(locked[0])}   # it has a passphrase, and no agent knows it'
            )
        elif not os.environ.get("SSH_AUTH_SOCK") and not any(os.path.exists(path) for path in keys):
            lines.append("ssh-keygen -t ed25519   # there is no key on this machine yet")
        tell = "" if asks else "   # it takes no passwords: if this fails, give the .pub file to whoever runs it"
        lines.append(copy_line(address, settings) + tell)
    if asks:
        lines.append(f"{line_by_hand(address)}   # or log in by hand: reprun uses this connection for a day")
    return "\n".join(lines)


def copy_line(address: str, settings: Settings) -> str:
    """The `ssh-copy-id` command that reaches the host as our ssh does. It knows no ssh://."""
    words = ["ssh-copy-id"]
    said = client()[1:]
    for before, word in pairwise(said):
        if before in _PASSED_ON:
            words += [before, word]
    public = [path for path in (f"{os.path.expanduser(key)}.pub" for key in settings.all("identityfile")) if os.path.exists(path)]
    if public and "-i" not in words:
        words += ["-i", public[0]]
    if address.startswith("ssh://"):
        words += ["-p", settings.get("port"), f"{settings.get('user')}@{settings.get('hostname')}"]
    else:
        words.append(address)
    return shlex.join(words)


def first_line(address: str, settings: Settings) -> str:
    """The command that shows the fingerprint of a host that is met for the first time, and asks."""
    more = [] if settings.get("stricthostkeychecking") in ("", "ask") else ["-o", "StrictHostKeyChecking=ask"]
    return by_hand(*more, address, "true")


def _is_locked(path: str) -> bool:
    """True for a private key with a passphrase."""
    import base64
    import binascii

    text = find_own_bytes(path) or b""
    if b"ENCRYPTED" in text[:200]:
        return True
    lines = text.split(b"\n")
    if len(lines) < 2 or b"OPENSSH PRIVATE KEY" not in lines[0]:
        return False
    try:
        data = base64.b64decode(lines[1][:60])
    except binascii.Error:
        return False
    size = int.from_bytes(data[len(_HEAD) : len(_HEAD) + 4], "big")
    return data.startswith(_HEAD) and data[len(_HEAD) + 4 : len(_HEAD) + 4 + size] != b"none"
