"""YAML texts. Imported only when there is one: loading `yaml` costs 20 ms."""

from __future__ import annotations

from typing import Any

import yaml

from reprun.config import yaml_dialect as dialect
from reprun.config.values import MAX_DEPTH, MAX_NODES
from reprun.config.yaml_nodes import NodeReader, place
from reprun.core.errors import UsageError
from reprun.core.text import show


def render(values: dict[str, Any]) -> str:
    """`values` as YAML that PyYAML and YAML 1.2 readers read alike; the order of keys is kept."""
    text = yaml.dump(
        values,
        Dumper=dialect.Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1 << 20,
    )
    return str(text)


def parse(text: str, what: str) -> Any:
    """The value of one YAML document, None when it is empty. The `UsageError` names line and column."""
    try:
        node = _compose(text, what)
        return None if node is None else NodeReader(what).value(node)
    except yaml.YAMLError as error:
        raise UsageError(f"{what} is not valid YAML: {sentence(error)}") from None


def parse_value(text: str, what: str) -> Any:
    """One value from a command line: a scalar, or `[…]` or `{…}`; any other text is taken to the letter."""
    try:
        node = _compose(text, what)
        if node is None or _is_literal(node, text):
            return text
        return NodeReader(what).value(node)
    except yaml.YAMLError:
        return text


def _is_literal(node: yaml.Node, text: str) -> bool:
    if isinstance(node, yaml.CollectionNode):  # it counts only with its brackets: `Answer:` and `- x` are texts
        return not node.flow_style
    # `a #b` is no comment here, and `---` no document: nothing that was typed gets lost.
    style = getattr(node, "style", None)
    plain_string = style is None and node.tag == dialect.STR and not text.lstrip().startswith("!")
    return plain_string or (not node.value and node.tag == dialect.NULL)


def _compose(text: str, what: str) -> yaml.Node | None:
    loader = dialect.Loader(text)
    try:
        return loader.get_single_node()
    except RecursionError:
        raise UsageError(f"{what} is nested deeper than {MAX_DEPTH} levels") from None
    except dialect.TooManyNodesError:
        raise UsageError(f"{what} holds more than {MAX_NODES} values") from None
    finally:
        loader.dispose()


def sentence(error: yaml.YAMLError) -> str:
    """What is wrong with a text, and where, in a few words."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read")
    if problem.startswith("but "):  # half of a sentence that began in the context
        problem = f"{getattr(error, 'context', '')} {problem}"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a character that YAML does not allow: only its position is known
        return show(f"{problem} (character {getattr(error, 'position', 0) + 1})")
    return show(f"{problem} at {place(mark)}")
