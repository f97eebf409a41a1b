"""Which imports a file does for certain, and what it does before them."""

from __future__ import annotations

import ast

import pytest

from reprun.runner.probe_scan import find_others, find_required


def required(text: str) -> list[tuple[str, str]]:
    found = []
    for node, before in find_required(ast.parse(text)):
        found += [(getattr(node, "module", None) or alias.name, before) for alias in node.names]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import x\nexcept ImportError:\n    x = None\n",
        "from __future__ import annotations\n",
        "if a:\n    import x\n",
        "with contextlib.suppress(ImportError):\n    import x\n",
        "raise SystemExit\nimport x\n",
        "def f():\n    import x\n",
        "exit()\nimport x\n",
        "if __name__ == '__main__':\n    os.execv('a', [])\nimport x\n",
        "if __name__ != '__main__':\n    import x\n",
        "for a in b:\n    import x\n",
        "class A:\n    import x\n",
    ],
)
def test_not_for_certain(text: str) -> None:
    assert required(text) == []


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("'''doc'''\nA = [1, {'b': 2}]\ndef f(a=1):\n    g()\nimport x\n", "plain"),
        ("if __name__ == '__main__':\n    import x\n", "plain"),
        ("pass\nfrom x import y\n", "plain"),
        ("os.environ['A'] = '1'\nimport x\n", "harmless"),
        ("os.environ.setdefault('A', '1')\nwarnings.simplefilter('ignore')\nimport x\n", "harmless"),
        ("matplotlib.use('Agg')\nimport x\n", "harmless"),
        ("try:\n    import y\nexcept ImportError:\n    y = None\nimport x\n", "harmless"),
        ("class A(B):\n    def f(self):\n        g()\nimport x\n", "harmless"),
        ("if a:\n    b = 1\nimport x\n", "harmless"),
        ("def f(a=g()):\n    pass\nimport x\n", "unknown"),
        ("@g()\ndef f():\n    pass\nimport x\n", "unknown"),
        ("sys.path.insert(0, 'src')\nimport x\n", "unknown"),
        ("sys.path[:0] = ['src']\nimport x\n", "unknown"),
        ("sys.modules['x'] = 1\nimport x\n", "unknown"),
        ("rootutils.setup_root(__file__)\nimport x\n", "unknown"),
        ("if a:\n    sys.exit()\nimport x\n", "unknown"),
        ("while True:\n    pass\nimport x\n", "unknown"),
        ("@g\ndef f():\n    pass\nimport x\n", "unknown"),
        ("@dataclass\nclass A:\n    b: int = 1\nimport x\n", "harmless"),
        ("class A(g()):\n    pass\nimport x\n", "unknown"),
        ("os.chdir('a')\nimport x\n", "unknown"),
        ("if __name__ == '__main__':\n    g()\n    import x\n", "unknown"),
    ],
)
def test_what_comes_before_an_import(text: str, before: str) -> None:
    assert required(text)[-1] == ("x", before)


def test_what_functions_import() -> None:
    text = "import a\ndef f():\n    import b, c.d\n    from e.f import g\n"
    text += "    try:\n        import h\n    except ImportError:\n        pass\n"
    text += "class A:\n    def m(self):\n        from .i import j\n        import k\nif a:\n    def n():\n        import o\n"
    assert [module for module, _ in find_others(ast.parse(text))] == ["b", "c.d", "e.f", "k"]
