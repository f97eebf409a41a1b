"""From composed YAML nodes to values, within limits."""

from __future__ import annotations

import math
from typing import Any

import yaml

from reprun.config import yaml_dialect as dialect
from reprun.config.values import MAX_DEPTH, MAX_NODES, Written
from reprun.core.errors import UsageError
from reprun.core.text import show

_MAX_INT_TEXT = 310  # digits of the largest float
_TRUE, _FALSE = ("yes", "true", "on"), ("no", "false", "off")
_SCALARS = (
    dialect.STR, dialect.INT, dialect.FLOAT, dialect.BOOL, dialect.NULL, dialect.DATE, dialect.MERGE,
)  # fmt: skip


def place(mark: Any) -> str:
    """`line 3, column 1` as an editor counts them."""
    return f"line {mark.line + 1}, column {mark.column + 1}"


class NodeReader:
    """Turns nodes into values. Aliases become copies, which are counted: a billion laughs end early."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.nodes = 0

    def value(self, node: yaml.Node, depth: int = 0) -> Any:
        """The value of a node and of everything below it."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise UsageError(f"{self.what} holds more than {MAX_NODES} values", hint="is an alias repeated without end?")
        if depth > MAX_DEPTH:
            raise self._error(f"is nested deeper than {MAX_DEPTH} levels", node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode) and node.tag == dialect.SEQ:
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode) and node.tag == dialect.MAP:
            return self._mapping(node, depth)
        raise _unsupported(node)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        """What is merged by `<<` comes first and gives way to the mapping's own keys, as in PyYAML."""
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in seen:
                raise self._error(f"has the key {show(key)!r} twice", key_node)
            seen.add(key)
            if key_node.tag == dialect.MERGE:
                merged = self._merged(value_node, depth)
            else:
                own[key] = self.value(value_node, depth + 1)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        """What `<<` brings: a mapping, or a list of them of which the first wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        result: dict[str, Any] = {}
        for source in reversed(sources):
            if not isinstance(source, yaml.MappingNode):
                raise self._error("needs a mapping or a list of mappings after <<", node)
            result |= self.value(source, depth + 1)
        return result

    def _key(self, node: yaml.Node) -> str:
        """A key as text; one that is no string in YAML stays as it was written."""
        if not isinstance(node, yaml.ScalarNode):
            raise self._error("has a key that is a list or a mapping", node)
        if node.tag not in _SCALARS:
            raise _unsupported(node)
        return str(node.value) if node.tag == dialect.STR else Written(node.value)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text, tag = str(node.value), node.tag
        if tag == dialect.STR:
            return text
        if tag == dialect.DATE and node.style is None:
            return Written(text)
        if tag == dialect.NULL:
            return None
        if tag == dialect.BOOL and text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        if tag == dialect.INT and dialect.INT_TEXT.match(text):
            return self._int(node, text)
        if tag == dialect.FLOAT and dialect.FLOAT_TEXT.match(text):
            return self._float(node, text)
        raise _unsupported(node)

    def _int(self, node: yaml.ScalarNode, text: str) -> int:
        if len(text) > _MAX_INT_TEXT:
            raise self._error("has a number that is too long", node)
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)

    def _float(self, node: yaml.ScalarNode, text: str) -> float:
        value = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if math.isinf(value) and "inf" not in text.lower():  # it would silently become another number
            raise self._error("has a number that is too large", node)
        return value

    def _error(self, problem: str, node: yaml.Node) -> UsageError:
        return UsageError(f"{self.what} {problem} at {place(node.start_mark)}")


def _unsupported(node: yaml.Node) -> yaml.YAMLError:
    """The error for a tag, or for a value under a tag, that configs do not have."""
    problem = f"{node.tag.replace(dialect.TAG, '!!')} is not supported for this value"
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
