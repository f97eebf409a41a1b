"""SHA-256 of small things, from Python's own C code: `hashlib` loads OpenSSL, which takes 3 ms of a launch.

`runner/digests.py` once more: the two floors do not know each other.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha2 import sha256  # since Python 3.12
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:  # a Python that was built without them
            from hashlib import sha256

__all__ = ["sha256"]
