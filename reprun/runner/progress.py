"""What a long step is at, for people who wait. It costs nothing to say where nobody listens, and little where somebody does."""

from __future__ import annotations

from threading import local

TYPE_CHECKING = False  # typing takes 4 ms to import, before the job's first instruction
if TYPE_CHECKING:
    from typing import Callable, Optional, Tuple

    Step = Tuple[str, int, int, str]  # what is done now; how much of it is done, of how much (0: not known), and of what
    Hear = Callable[[Step], None]

_HEARER = local()  # of this thread: what others do beside it is not what is waited for


def listen(hear: Optional[Hear]) -> None:
    """From now on `hear` is told of the steps of this thread; None: nobody is."""
    _HEARER.hear = hear


def is_heard() -> bool:
    """Whether it is worth an effort to know how far a step is."""
    return getattr(_HEARER, "hear", None) is not None


def report(step: str, done: int = 0, total: int = 0, unit: str = "files") -> None:
    """Says that `step` has begun, or how far it is. The unit is `files` or `bytes`."""
    hear = getattr(_HEARER, "hear", None)
    if hear is not None:
        hear((step, done, total, unit))
