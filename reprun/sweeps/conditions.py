"""Conditions of sweep files: `{optimizer: sgd}`, or an expression such as `lr * {batch-size} <= 10 and norm != 'none'`.

An expression is read by Python's parser and evaluated here, node by node: it can compare and calculate, and nothing else.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.sweeps.values import is_same, is_value, number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 1000
_DEEPEST = 40
_ABSENT = object()  # of a parameter that a task does not have
_BRACED = r"\{([\w\-]+)\}"
_CALCULATE: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Mod: operator.mod,
}  # fmt: skip
_ORDER: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False}
_HINT = "for example lr <= 0.1 and norm == 'batch'; a name with a dash stands in braces: {batch-size}"


@dataclass(frozen=True)
class Condition:
    """A condition as written, `source`, and the parameters that it speaks of."""

    source: str
    names: tuple[str, ...]
    table: dict[str, Any] | None = None

    def words(self) -> str:
        """The condition for people."""
        if self.table is None:
            return self.source
        return ", ".join(f"{name} is {' or '.join(map(str, _listed(wanted)))}" for name, wanted in self.table.items())

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether it holds for these parameters. What speaks of a parameter that is not there does not hold."""
        if self.table is not None:
            return all(name in params and _is_one_of(params[name], wanted) for name, wanted in self.table.items())
        tree, spelled = _read(self.source)
        try:
            return _evaluate(tree, {**params, **{spelled[name]: params[name] for name in spelled if name in params}}) is True
        except (ZeroDivisionError, OverflowError):
            return False


def parse_condition(raw: Any, what: str) -> Condition:
    """The condition that a file holds. Raises `UsageError` when it is none."""
    if isinstance(raw, Mapping):
        if not raw or not all(is_value(one) for wanted in raw.values() for one in _listed(wanted)):
            raise UsageError(f"{what} is no mapping of parameters to values", hint="when: {optimizer: [sgd, adam]}")
        return Condition(show(str(dict(raw))), tuple(raw), dict(raw))
    if not isinstance(raw, str) or not raw.strip() or len(raw) > _LONGEST:
        raise UsageError(f"{what} is neither an expression nor a mapping", hint=_HINT)
    try:
        tree, spelled = _read(raw)
        _check(tree, 0)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"{what} cannot be understood: {show(raw.strip())}", hint=_HINT) from None
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(_CONSTANTS)
    back = {value: name for name, value in spelled.items()}
    return Condition(raw.strip(), tuple(sorted(back.get(name, name) for name in names)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_one_of(value: Any, wanted: Any) -> bool:
    return any(is_same(value, one) for one in _listed(wanted))


def _read(source: str) -> tuple[ast.expr, dict[str, str]]:
    """The tree, and what the names in braces are called in it."""
    spelled: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        return spelled.setdefault(match[1], f"_braced_{len(spelled)}")

    text = " ".join(re.sub(_BRACED, plain, source).split())
    return ast.parse(text, mode="eval").body, spelled


def _check(node: ast.AST, depth: int) -> None:
    """Raises `ValueError` for anything but comparing and calculating."""
    allowed = (
        ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Load, ast.boolop,
        ast.Not, ast.USub, ast.cmpop, *_CALCULATE,
    )  # fmt: skip
    if not isinstance(node, allowed) or isinstance(node, (ast.Is, ast.IsNot)) or depth > _DEEPEST:
        raise ValueError
    if isinstance(node, ast.Constant) and not is_value(node.value):
        raise ValueError
    for inner in ast.iter_child_nodes(node):
        _check(inner, depth + 1)


def _evaluate(node: ast.expr, params: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return params.get(node.id, _CONSTANTS.get(node.id, _ABSENT))
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_evaluate(one, params) for one in node.elts]
    if isinstance(node, ast.BoolOp):
        found = (_evaluate(one, params) is True for one in node.values)
        return all(found) if isinstance(node.op, ast.And) else any(found)
    if isinstance(node, ast.UnaryOp):
        value = _evaluate(node.operand, params)
        if isinstance(node.op, ast.Not):
            return value is not True
        number = number_of(value)
        return _ABSENT if number is None else -number
    if isinstance(node, ast.BinOp):
        left, right = number_of(_evaluate(node.left, params)), number_of(_evaluate(node.right, params))
        return _ABSENT if left is None or right is None else _CALCULATE[type(node.op)](left, right)
    assert isinstance(node, ast.Compare)
    values = [_evaluate(one, params) for one in (node.left, *node.comparators)]
    return all(_compare(op, *pair) for op, pair in zip(node.ops, pairwise(values), strict=True))


def _compare(op: ast.cmpop, left: Any, right: Any) -> bool:
    if left is _ABSENT or right is _ABSENT:
        return False
    if isinstance(op, (ast.In, ast.NotIn)):
        return _is_one_of(left, right) is isinstance(op, ast.In)
    if isinstance(op, (ast.Eq, ast.NotEq)):
        return is_same(left, right) is isinstance(op, ast.Eq)
    first, second = number_of(left), number_of(right)
    return first is not None and second is not None and _ORDER[type(op)](first, second)
