"""What a Python file imports for certain, perhaps, or not at all; read, never run.

This runs in the job's own interpreter, see `probe_try`: only the standard library, and nothing that is new or slow.
"""

from __future__ import annotations

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

# Calls before an import that change nothing about what can be imported.
_HARMLESS = {
    "warnings", "logging", "print", "time", "matplotlib", "mpl", "argparse", "len", "int", "float", "str", "bool", "dict", "set",
    "list", "tuple", "range", "sorted", "getLogger", "TypeVar", "namedtuple", "re", "Path", "pathlib", "dataclass", "field",
}  # fmt: skip
_HARMLESS_OF_OS = {"environ", "getenv", "path", "getcwd", "cpu_count"}
_CHANGING_OF_SYS = {"path", "modules", "meta_path", "path_hooks", "exit"}
_ENDING = {"exit", "quit", "_exit", "abort", "execv", "execve", "execvp", "execvpe"}
PLAIN, HARMLESS, UNKNOWN = "plain", "harmless", "unknown"  # what a file does before an import


def find_required(tree: ast.Module) -> List[Any]:
    """The imports that the file will do for certain when it is run, as (statement, what it does before that)."""
    found: List[Any] = []
    _collect(tree.body, PLAIN, found)
    return found


def find_others(tree: ast.Module) -> List[Any]:
    """The imports in functions, as (module, line), which may happen later; without those in a `try` or under an `if`."""
    found: List[Any] = []
    for node in tree.body:
        _collect_later(node, False, found)
    return found


def dotted(node: ast.AST) -> str:
    """`a.b.c` for such an expression, else an empty text."""
    parts: List[Any] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *parts[::-1]]) if isinstance(node, ast.Name) else ""


def _collect(body: List[Any], before: str, found: List[Any]) -> str:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if getattr(node, "module", "") != "__future__":
                found.append((node, before))
        elif _is_main_guard(node):
            before = _collect(node.body, before, found)
        elif _ends(node):
            return "ended"
        elif before != UNKNOWN and not _is_plain(node):
            before = HARMLESS if _is_harmless(node) else UNKNOWN
        if before == "ended":
            return before
    return before


def _is_main_guard(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
        and [getattr(item, "value", getattr(item, "s", None)) for item in node.test.comparators] == ["__main__"]
        and isinstance(node.test.ops[0], ast.Eq)
    )


def _ends(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return True
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] in _ENDING


def _is_plain(node: ast.AST) -> bool:
    """True for what does nothing yet: a docstring, a function, a literal that gets a name."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return not node.decorator_list and not any(isinstance(part, ast.Call) for part in ast.walk(node.args))
    if isinstance(node, ast.Pass):
        return True
    if isinstance(node, ast.Assign) and not all(isinstance(target, ast.Name) for target in node.targets):
        return False
    if isinstance(node, (ast.Expr, ast.Assign)):
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return False
        return True
    return False


def _is_harmless(node: ast.AST) -> bool:
    """True when nothing in it can change what the imports after it find."""
    for part in _executed(node):
        if any(dotted(one).partition(".")[0] not in _HARMLESS for one in getattr(part, "decorator_list", [])):
            return False
        if isinstance(part, ast.Call):
            first, _, rest = dotted(part.func).partition(".")
            if first == "os" and rest.partition(".")[0] in _HARMLESS_OF_OS:
                continue
            if first not in _HARMLESS:
                return False
        elif isinstance(part, (ast.Raise, ast.While, ast.Delete)) or _changes_sys(part):
            return False
    return True


def _changes_sys(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _CHANGING_OF_SYS and dotted(node).startswith("sys.")


def _executed(node: ast.AST) -> List[Any]:
    """The node and what is in it, without what stands in functions."""
    found: List[ast.AST] = []
    stack = [node]
    while stack:
        part = stack.pop()
        found.append(part)
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            stack += [part.args, *getattr(part, "decorator_list", [])]
        else:
            stack.extend(ast.iter_child_nodes(part))
    return found


def _collect_later(node: ast.AST, inside: bool, found: List[Any]) -> None:
    if isinstance(node, (ast.Try, ast.If, ast.With)) and not _is_main_guard(node):
        return
    if inside and isinstance(node, ast.Import):
        found.extend((alias.name, node.lineno) for alias in node.names)
    elif inside and isinstance(node, ast.ImportFrom) and node.module and not node.level:
        found.append((node.module, node.lineno))
    inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for part in ast.iter_child_nodes(node):
        _collect_later(part, inside, found)
