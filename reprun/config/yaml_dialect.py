"""What a plain scalar of YAML means here: the tags and their patterns, for reading and for writing.

Numbers follow YAML 1.2 (`1e-3` is a float, `010` is ten, `1:30` and `1_000` are strings). Booleans are read
as PyYAML reads them (`yes`, `no`, `on`, `off` too): that is what the job's own PyYAML sees in the same file.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from reprun.config.values import MAX_NODES, Written

TAG = "tag:yaml.org,2002:"
INT, FLOAT, BOOL, NULL, STR = (TAG + name for name in ("int", "float", "bool", "null", "str"))
DATE, MERGE, SEQ, MAP = (TAG + name for name in ("timestamp", "merge", "seq", "map"))
INT_TEXT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
FLOAT_TEXT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_KEPT = (BOOL, NULL, DATE, MERGE)  # what is taken over from PyYAML's YAML 1.1
_Resolvers = dict[str, list[tuple[str, Any]]]


def _with_numbers(resolvers: _Resolvers) -> _Resolvers:
    for first in "-+.0123456789":
        resolvers.setdefault(first, []).extend([(INT, INT_TEXT), (FLOAT, FLOAT_TEXT)])
    return resolvers


class Loader(yaml.SafeLoader):
    """Used to compose nodes only; `yaml_nodes` makes the values, so that no tag ever constructs anything."""

    yaml_implicit_resolvers = _with_numbers(
        {
            first: [(tag, pattern) for tag, pattern in pairs if tag in _KEPT]
            for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
    )
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As PyYAML does, but not without end: a file of a megabyte can hold half a million nodes."""
        self.nodes += 1
        if self.nodes > 2 * MAX_NODES:  # keys and values; `yaml_nodes` counts exactly
            raise TooManyNodesError
        return super().compose_node(parent, index)


class TooManyNodesError(Exception):
    """The text holds more nodes than a config may."""


class Dumper(yaml.SafeDumper):
    """Quotes every string that YAML 1.1 or 1.2 would read as something else."""

    yaml_implicit_resolvers = _with_numbers(
        {first: list(pairs) for first, pairs in yaml.SafeDumper.yaml_implicit_resolvers.items()}
    )
    # Readers differ in what else they take for a number (`._`, `1_0`) or a boolean (`y`): quoted for all of them.
    for _first in "-+.0123456789":
        yaml_implicit_resolvers[_first].append((FLOAT, re.compile(r"[-+.:_0-9a-fA-FxXoO]+\Z")))
    for _first in "yYnN":
        yaml_implicit_resolvers[_first].append((BOOL, re.compile(r"[yYnN]\Z")))

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors: each value is written where it stands."""
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        """A string, with escapes when it is not all printable: PyYAML loses U+0085 without them."""
        return self.represent_scalar(STR, data, style=None if data.isprintable() else '"')

    def written(self, data: Written) -> yaml.ScalarNode:
        """The text as it stood, plain: its tag is whatever a reader makes of it."""
        tag = self.resolve(yaml.ScalarNode, str(data), (True, False))  # type: ignore[no-untyped-call]
        return yaml.ScalarNode(tag, str(data))


Dumper.add_representer(str, Dumper.text)
Dumper.add_representer(Written, Dumper.written)
