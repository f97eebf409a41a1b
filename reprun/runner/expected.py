"""What the job sees must be what the person sees: the files that git converts, compared with those of the dev tree."""

from __future__ import annotations

import os
import stat

from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Mapping

_SHOWN = 10


def differing(path: str, expected: Mapping[str, List[Any]]) -> List[str]:
    """The files below `path` that have another size than expected, or another SHA-256 where one is given."""
    return [item for item, (size, digest) in expected.items() if not _is(os.path.join(path, item), size, digest)]


def refusal(paths: List[str]) -> RunnerError:
    """The refusal that names them."""
    more = " and %d more" % (len(paths) - _SHOWN) if len(paths) > _SHOWN else ""
    return RunnerError(
        "refused",
        "git would give the job other bytes than the dev tree has, by its line endings, attributes or filters: %s%s"
        % (", ".join(paths[:_SHOWN]), more),
        "git add --renormalize . && git commit, then git checkout the files anew; or accept what git makes of them, in "
        'reprun.toml:\n       [snapshot]\n       filters = "committed"',
    )


def _is(path: str, size: int, digest: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size and (not digest or sha256_file(path) == digest)
