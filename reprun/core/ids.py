"""Run ids: `20261121-031622-m4k7qx`. They sort by time, hold only `[a-z0-9-]`, and go into refs, paths and session names."""

from __future__ import annotations

import re

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
# Texts, compiled at their first use: a launch needs few of the patterns of its modules.
_RUN_ID = r"[0-9]{8}-[0-9]{6}-[0-9a-hjkmnp-tv-z]{6}"
_FULL_COMMIT = r"[0-9a-f]{40}([0-9a-f]{24})?"


def make_run_id(stamp: str, milliseconds: int, entropy: bytes) -> str:
    """Builds a run id.

    `stamp` is UTC as `YYYYMMDD-HHMMSS`, `milliseconds` (0…999) order runs within the second, and four characters come
    from the first four bytes of `entropy`. Uniqueness does not rest on chance: the run's ref is create-only.
    """
    order = ALPHABET[milliseconds // 32] + ALPHABET[milliseconds % 32]
    return f"{stamp}-{order}" + "".join(ALPHABET[byte % 32] for byte in entropy[:4])


def is_run_id(text: str) -> bool:
    """True when `text` has the exact form of a run id."""
    return re.fullmatch(_RUN_ID, text) is not None


def is_commit(text: str) -> bool:
    """True for a full hexadecimal object id, SHA-1 or SHA-256."""
    return re.fullmatch(_FULL_COMMIT, text) is not None
