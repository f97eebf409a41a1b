"""SHA-1 and SHA-256 of small things, from Python's own C code: `hashlib` loads OpenSSL, which takes 3 ms of a launch.

For files of any size `hashlib` is the right one: it is several times as fast.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha1, sha256
else:
    try:
        from _sha1 import sha1

        try:
            from _sha2 import sha256  # since Python 3.12
        except ImportError:
            from _sha256 import sha256
    except ImportError:  # a Python that was built without them
        from hashlib import sha1, sha256

__all__ = ["sha1", "sha256"]
