"""The runner is sent to hosts as it is: it parses on Python 3.8, uses nothing newer, and imports the standard library only."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reprun.runner

FILES = sorted(Path(reprun.runner.__file__).parent.rglob("*.py"))
BOOTSTRAP = Path(reprun.runner.__file__).parent / "bootstrap.py"  # its annotations are names or strings
# (name, since) of what would only fail when it is reached; attributes of anything, for types are not known here.
ATTRIBUTES = {
    "removeprefix": 9, "removesuffix": 9, "randbytes": 9, "is_relative_to": 9, "readlink": 9, "lcm": 9, "with_stem": 9,
    "to_thread": 9, "pidfd_open": 9, "unparse": 9, "waitstatus_to_exitcode": 9, "bit_count": 10, "pairwise": 10, "ParamSpec": 10,
    "aclosing": 10, "chdir_context": 11, "file_digest": 11, "UTC": 11, "StrEnum": 11, "add_note": 11, "process_cpu_count": 13,
    "hardlink_to": 10, "batched": 12, "NotRequired": 11, "Self": 11, "TypeAlias": 10,
}  # fmt: skip
KEYWORDS = {("zip", "strict"): 10, ("rmtree", "dir_fd"): 11, ("rmtree", "onexc"): 12, ("dataclass", "slots"): 10,
    ("dataclass", "kw_only"): 10, ("TemporaryDirectory", "ignore_cleanup_errors"): 10,
    ("Popen", "user"): 9, ("Popen", "group"): 9, ("Popen", "umask"): 9, ("Popen", "process_group"): 11, ("Popen", "pipesize"): 10,
    ("sha256", "usedforsecurity"): 9, ("run", "process_group"): 11, ("bisect", "key"): 10,
}  # fmt: skip
BUILTIN_GENERICS = {"dict", "list", "set", "frozenset", "tuple", "type"}
OWN_READLINK = {"os"}  # os.readlink is old, Path.readlink is not


def newer(tree: ast.AST) -> Iterator[str]:
    """What the parser lets pass though Python 3.8 would stumble over it when it gets there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            if not (node.attr == "readlink" and isinstance(node.value, ast.Name) and node.value.id in OWN_READLINK):
                yield f"{node.lineno}: .{node.attr} is of 3.{ATTRIBUTES[node.attr]}"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for keyword in node.keywords:
                if (name, keyword.arg) in KEYWORDS:
                    yield f"{node.lineno}: {name}({keyword.arg}=) is of 3.{KEYWORDS[name, str(keyword.arg)]}"
        elif isinstance(node, ast.With) and len(node.items) > 1 and node.items[0].context_expr.lineno != node.lineno:
            yield f"{node.lineno}: parentheses around with items are of 3.10"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name in ATTRIBUTES or (node.module, alias.name) == ("functools", "cache"):
                    yield f"{node.lineno}: {alias.name}"


def evaluated(tree: ast.Module) -> Iterator[ast.AST]:
    """All expressions that are evaluated: annotations are not, under `from __future__ import annotations`."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"):
                continue
            stack += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_it_parses_and_uses_nothing_newer(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    assert list(newer(tree)) == []
    for node in evaluated(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            assert node.value.id not in BUILTIN_GENERICS, f"line {node.lineno}: {node.value.id}[…] is of 3.9"


def test_an_old_interpreter_can_read_the_bootstrap_and_say_that_it_is_too_old() -> None:
    ast.parse(BOOTSTRAP.read_text(), feature_version=(3, 5))


@pytest.mark.parametrize("path", [path for path in FILES if path != BOOTSTRAP], ids=lambda path: "/".join(path.parts[-2:]))
def test_annotations_are_not_evaluated(path: Path) -> None:
    tree = ast.parse(path.read_text())
    annotated = [node for node in ast.walk(tree) if isinstance(node, ast.AnnAssign) or getattr(node, "returns", None)]
    future = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert not annotated or [alias.name for node in future for alias in node.names] == ["annotations"]


_STANDARD = {*sys.stdlib_module_names, "_sha256", "_sha2"}  # one of the two, by the version of Python


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_it_imports_only_the_standard_library_and_itself(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.append(node.module or "")
        for name in names:
            top = name.split(".")[0]
            # What is put on the path of jobs has nothing of reprun around it.
            own = ("reprun_job", "_reprun_imports") if path.parent.name in ("reprun_job", "watch") else ("reprun",)
            assert top in _STANDARD or (top in own and (top != "reprun" or name.startswith("reprun.runner"))), name


def test_all_files_are_looked_at() -> None:
    assert len(FILES) > 15 and {"supervisor.py", "__main__.py", "_seeding.py", "sitecustomize.py"} <= {
        path.name for path in FILES
    }
