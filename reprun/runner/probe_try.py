"""Trying the imports of a job, in its own interpreter; the entry itself is read and not run.

`probe_imports` starts it and reads its lines of JSON: what is being tried, so that it is known what ended the interpreter, and
at last the result. Nothing here is imported by reprun.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import sys
import time

from reprun.runner.probe_random import Randomness
from reprun.runner.probe_scan import PLAIN, UNKNOWN, find_others, find_required

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

_MOST = 2000  # files of the project that are read
_MOST_FOLDERS = 2000  # of it that are looked through for a module that is missing


def main(ask: Dict[str, Any], number: int) -> None:
    """Tells, on the descriptor, what comes of it; ends the process, whatever threads there are."""
    trial = Trial(ask, number)
    trial.run()
    trial.say(trial.result())
    os._exit(0)


class Trial:
    """`ask`: `kind` and `entry` (a script, a module or code), `args`, and `top`, where the project's files are."""

    def __init__(self, ask: Dict[str, Any], number: int) -> None:
        self.kind, self.entry, self.args = ask["kind"], ask["entry"], ask["args"]
        self.given, self.top = ask["top"], os.path.realpath(ask["top"])
        self.number = number
        self.problems: List[Any] = []
        self.times: List[Any] = []
        self.trees: Dict[str, Optional[ast.Module]] = {}
        self.name = self.entry if self.kind != "code" else "-c"
        self.package = ""

    def say(self, what: Dict[str, Any]) -> None:
        """One line for who has started this."""
        data = json.dumps(what).encode() + b"\n"
        while data:
            data = data[os.write(self.number, data) :]

    def result(self) -> Dict[str, Any]:
        """What was found; `outside` are files of neither the project nor the interpreter, which can change by themselves."""
        own, outside = self._loaded()
        randomness = Randomness()
        for path in sorted({*own, *self.trees})[:_MOST]:
            tree = self._tree(path)
            if tree is not None:
                randomness.add(self._short(path), tree)
        files = sorted(self._short(path) for path in {*own, *self.trees} if os.path.isabs(path))
        return {
            "problems": self.problems, "unseeded": randomness.unseeded(), "times": self.times, "files": files,
            "outside": sorted(outside), "paths": [path for path in sys.path if self._is_own(path or os.getcwd())],
        }  # fmt: skip

    def run(self) -> None:
        """Tries everything that the entry imports for certain, and looks for what it may import later."""
        path = self._find_entry()
        if path is None:
            return
        tree = self._read(path)
        if tree is None:
            return
        sys.argv = [path if self.kind != "code" else "-c", *self.args]
        if self.kind != "code":
            sys.modules["__main__"].__file__ = path
        for node, before in find_required(tree):
            self._try(node, before, path)
        self._look_later(path, tree)

    def _find_entry(self) -> Optional[str]:
        """The file of the entry, or `-c`; None when there is nothing to read. Sets what Python looks at first, as it will be."""
        if self.kind == "code":
            self._lead("")
            return "-c"
        if self.kind == "script":
            path = os.path.join(self.entry, "__main__.py") if os.path.isdir(self.entry) else self.entry
            if not os.path.isfile(path):
                self._problem("absent", self.entry, "", "", True)
                return None
            self._lead(os.path.dirname(os.path.realpath(path)))
            return os.path.realpath(path)
        self._lead(os.getcwd())
        return self._find_module()

    def _find_module(self) -> Optional[str]:
        name = self.entry
        self.say({"trying": name, "before": PLAIN})
        try:
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.submodule_search_locations is not None:
                name += ".__main__"
                spec = importlib.util.find_spec(name)
        except BaseException as error:  # the package around it was imported
            self._fail(error, self.entry, PLAIN, "-m")
            return None
        if spec is None:
            self._problem("missing", name, "-m", "No module named %s" % name, True)
            return None
        self.package = name.rpartition(".")[0]
        origin = spec.origin or ""
        return os.path.realpath(origin) if self._is_own(origin) and origin.endswith(".py") else None

    def _lead(self, folder: str) -> None:
        flags = sys.flags
        if not (flags.isolated or getattr(flags, "safe_path", False)):
            sys.path.insert(0, folder)
        for name in ("ast", "json", "importlib", "time"):  # ours were loaded first; a module of the project may have such a name
            if folder and (os.path.exists(os.path.join(folder, name + ".py")) or os.path.isdir(os.path.join(folder, name))):
                sys.modules.pop(name, None)

    def _read(self, path: str) -> Optional[ast.Module]:
        if path == "-c":
            try:
                self.trees["-c"] = ast.parse(self.entry, "-c")
            except (SyntaxError, ValueError) as error:
                self._fail(error, "-c", PLAIN, "-c")
            return self.trees.get("-c")
        try:
            with open(path, "rb") as file:
                self.trees[path] = ast.parse(file.read(), path)
        except (SyntaxError, ValueError) as error:
            self._fail(error, self.entry, PLAIN, self._short(path))
        except (OSError, RecursionError, MemoryError):
            pass
        return self.trees.get(path)

    def _tree(self, path: str) -> Optional[ast.Module]:
        if path not in self.trees:
            try:
                with open(path, "rb") as file:
                    self.trees[path] = ast.parse(file.read(), path)
            except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                self.trees[path] = None
        return self.trees[path]

    def _try(self, node: ast.stmt, before: str, path: str) -> None:
        """Does one import statement as the entry would."""
        where = "%s:%d" % (self._short(path), node.lineno)
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None) or "."]
        self.say({"trying": ", ".join(names), "before": before, "where": where})
        space = {"__name__": "__main__", "__file__": path, "__package__": self.package, "__builtins__": __builtins__}
        begin = time.perf_counter()
        try:
            exec(compile(ast.Module([node], []), path, "exec", dont_inherit=True), space)  # noqa: S102  # the job will do the same
        except BaseException as error:
            self._fail(error, names[0], before, where)
        self.times.append([", ".join(names), round(time.perf_counter() - begin, 4)])

    def _fail(self, error: BaseException, name: str, before: str, where: str) -> None:
        """Notes why an import failed, with the place in the project's own files where it did."""
        at = self._place(error) or where
        if isinstance(error, SyntaxError):
            place = self._short(error.filename) + (":%d" % error.lineno if error.lineno else "") if error.filename else at
            self._problem("syntax", name, place, str(error.msg), before != UNKNOWN)
        elif isinstance(error, ModuleNotFoundError) and error.name:
            self._problem("missing", error.name, at, _text(error), before != UNKNOWN)
        elif isinstance(error, ImportError):
            self._problem("import", error.name or name, at, _text(error), before == PLAIN)
        elif isinstance(error, Exception):
            self._problem("error", name, at, "%s: %s" % (type(error).__name__, _text(error)), before == PLAIN)
        else:
            self._problem("exit", name, at, "%s: %s" % (type(error).__name__, _text(error)), False)

    def _problem(self, kind: str, name: str, where: str, message: str, certain: bool) -> None:
        problem = {"kind": kind, "name": name, "where": where, "message": message[:500], "certain": certain}
        if kind == "missing":
            problem["near"] = self._near(name.partition(".")[0])
            if problem["near"] and not certain:
                return  # the project has it, and most likely leads to it: with sys.path, for example
        self.problems.append(problem)

    def _look_later(self, path: str, tree: ast.Module) -> None:
        """Modules that functions of the project import, and that are not there."""
        waiting, seen, missing = [(path, tree)], {path}, set()
        own, _ = self._loaded()
        waiting += [(one, found) for one in own if one != path for found in [self._tree(one)] if found is not None]
        for one, found in waiting[:_MOST]:
            for module, line in find_others(found):
                top = module.partition(".")[0]
                if top in missing or top in seen or top in sys.modules:
                    continue
                seen.add(top)
                if self._is_nowhere(top):
                    missing.add(top)
                    self._problem("missing", top, "%s:%d" % (self._short(one), line), "No module named %r" % top, False)

    @staticmethod
    def _is_nowhere(top: str) -> bool:
        try:
            return importlib.util.find_spec(top) is None
        except Exception:
            return False

    def _near(self, top: str) -> str:
        """Where in the project a module of that name is, though Python does not look there."""
        for folder in ("", "src", "lib", "python", "code"):
            path = os.path.join(self.top, folder, top)
            if os.path.isfile(path + ".py") or os.path.isdir(path):
                return folder or "."
        return self._deeper(top)

    def _deeper(self, top: str) -> str:
        """The same in the folders of a monorepo, which a job may reach by `sys.path`; not in all of a tree that is huge."""
        for count, (folder, folders, files) in enumerate(os.walk(self.top)):
            if count == _MOST_FOLDERS:
                break
            folders[:] = sorted(name for name in folders if name[0] not in "._" and name not in ("node_modules", "site-packages"))
            if top + ".py" in files or (top in folders and os.path.isfile(os.path.join(folder, top, "__init__.py"))):
                near: str = os.path.relpath(folder, self.top)
                return near
        return ""

    def _loaded(self) -> Tuple[List[str], List[str]]:
        """The files of modules that are imported: the project's own, and those that belong to nothing we know."""
        own, outside = [], []
        places = {sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)}
        known = tuple({form + os.sep for path in places for form in (path, os.path.realpath(path))})
        tops = (self.top + os.sep, os.path.abspath(self.given) + os.sep)
        for module in list(sys.modules.values()):
            path = getattr(module, "__file__", None)
            if not isinstance(path, str) or getattr(module, "__name__", "").startswith("reprun.runner"):
                continue
            if path.startswith(known) and not path.startswith(tops):
                continue  # by far the most of them, and following the links of each takes longer than all the rest
            path = os.path.realpath(path)
            if self._is_own(path):
                own.append(path)
            elif not path.startswith(known) and "site-packages" not in path and "dist-packages" not in path:
                outside.append(path)
        return own, outside

    def _is_own(self, path: str) -> bool:
        return (os.path.realpath(path) + os.sep).startswith(self.top + os.sep)

    def _short(self, path: str) -> str:
        real = os.path.realpath(path) if os.path.isabs(path) else path
        return os.path.relpath(real, self.top) if os.path.isabs(real) and self._is_own(real) else path

    def _place(self, error: BaseException) -> str:
        """The deepest line of the project's own files that led to it."""
        found, frame = "", error.__traceback__
        while frame is not None:
            path = frame.tb_frame.f_code.co_filename
            if os.path.isabs(path) and self._is_own(path):
                found = "%s:%d" % (self._short(path), frame.tb_lineno)
            frame = frame.tb_next
        return found


def _text(error: BaseException) -> str:
    """What it says; its own code may fail, too."""
    try:
        return str(error)
    except Exception:
        return "it cannot say why"
