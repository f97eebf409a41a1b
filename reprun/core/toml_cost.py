"""What reading a TOML text would cost: `tomllib` takes memory with the square of the parts of a dotted key, 40 GB for 100,000."""

from __future__ import annotations

import re

_MAX_COST = 4_000_000  # the sum of the squares: some ten megabytes
_PART = (
    r'"""(?:[^"\\]+|\\.|"(?!""))*(?:""")?|'
    r"'''(?:[^']+|'(?!''))*(?:''')?|"
    r'"(?:[^"\\\n]+|\\.)*"?|'
    r"'[^'\n]*'?|#[^\n]*|[.=,\n{}\[\]]"
)


def is_costly(text: str) -> bool:
    """True for a text whose dotted keys are too long to be read. Strings and comments may hold as many dots as they like."""
    if text.count(".") ** 2 <= _MAX_COST:
        return False
    dots = cost = 0
    for token in re.finditer(_PART, text, re.DOTALL):
        if token[0] == ".":
            dots += 1
        elif len(token[0]) == 1 and token[0] in "=,\n{}[]":
            cost, dots = cost + dots * dots, 0
            if cost > _MAX_COST:
                return True
    return cost + dots * dots > _MAX_COST
