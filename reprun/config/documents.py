"""Files of several YAML documents, read as PyYAML reads them: what other tools' files mean is what those tools make of them.

Numbers follow YAML 1.1 here (`010` is eight, `1_000` a thousand, `1e-3` a text), unlike in configs: see `yaml_dialect`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import yaml

from reprun.config import yaml_dialect as dialect
from reprun.config.values import MAX_DEPTH, MAX_NODES
from reprun.config.yaml_nodes import NodeReader, place
from reprun.config.yaml_text import sentence
from reprun.core.documents import Document
from reprun.core.errors import UsageError

MAX_DOCUMENTS = 1000
_LONGEST = 310


class _Loader(dialect.Loader):
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = dict(yaml.SafeLoader.yaml_implicit_resolvers)  # type: ignore[misc]


class _Reader(NodeReader):
    """As for configs, with the numbers of YAML 1.1."""

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag not in (dialect.INT, dialect.FLOAT):
            return super()._scalar(node)
        if len(node.value) > _LONGEST:
            raise self._error("has a number that is too long", node)
        constructor = yaml.constructor.SafeConstructor()
        make = constructor.construct_yaml_int if node.tag == dialect.INT else constructor.construct_yaml_float
        try:
            value = make(node)
        except (ValueError, OverflowError, IndexError):
            raise self._error("has a number that cannot be read", node) from None
        # JSON has no such numbers, and NaN is not even itself; a command gets the same text
        return value if isinstance(value, int) or math.isfinite(value) else str(value)


def parse_documents(text: str, what: str) -> list[Document]:
    """The documents of a YAML text, without the empty ones. The `UsageError` names line and column."""
    loader = _Loader(text)
    reader = _Reader(what)
    found: list[Document] = []
    try:
        while loader.check_node():
            if len(found) >= MAX_DOCUMENTS:
                raise UsageError(f"{what} holds more than {MAX_DOCUMENTS} documents")
            document = _document(loader.get_node(), reader, what)
            if document is not None:
                found.append(document)
    except RecursionError:
        raise UsageError(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except dialect.TooManyNodesError:
        raise UsageError(f"{what} holds more than {MAX_NODES} values") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{what} is not valid YAML: {sentence(error)}") from None
    finally:
        loader.dispose()
    return found


def _document(node: yaml.Node | None, reader: NodeReader, what: str) -> Document | None:
    value = None if node is None else reader.value(node)
    if node is None or value is None:
        return None
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{what} has a document that is no mapping of names to values at {place(node.start_mark)}")
    lines: dict[tuple[str, ...], int] = {}
    for key, inner in node.value:
        lines[(str(key.value),)] = key.start_mark.line + 1
        if isinstance(inner, yaml.MappingNode):
            lines.update({(str(key.value), str(one.value)): one.start_mark.line + 1 for one, _ in inner.value})
    return Document(value, lines, node.start_mark.line + 1)
