"""What kind of snapshot is asked for."""

from __future__ import annotations

from reprun.core.frozen import dataclass
from reprun.core.guarded import Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from reprun.core.spec import Snapshot


@dataclass(frozen=True)
class Wish:
    """What kind of snapshot is asked for: `auto_commit` is `ref` or `branch`; `title` names the run on a branch; `rules`
    are what the guard lets in; `during_operation` takes the files of an unfinished merge or rebase as they are. `accept`: files
    may be other bytes in a checkout. `keep` is told of conversions before there is a ref: whoever finds the ref after a
    crash must know them. `agree` sees the snapshot before a branch does, and may raise."""

    run_id: str
    auto_commit: str = "ref"
    require_clean: bool = False
    title: str = ""
    rules: Rules = Rules()
    during_operation: bool = False
    accept: bool = False
    keep: Callable[[dict[str, Any]], object] = id
    agree: Callable[[Snapshot], object] = id
