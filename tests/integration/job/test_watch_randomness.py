"""The watch: random numbers that are drawn before a seed was given, with the place, and nothing else changed."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from job_lab import OLD, Place

from reprun.runner.events import read_events

BOTH = pytest.mark.parametrize("python", [sys.executable, pytest.param(OLD, marks=pytest.mark.needs("python-3.8"))])
# A library as NumPy is: functions that draw from one generator, which others may use directly.
NUMPY = """
class RandomState: pass
_state = [0]
def get_state(): return list(_state)
def set_state(state): _state[:] = state
def seed(n=None): _state[:] = [n]
def rand(): _state[0] += 1; return 4
def default_rng(seed=None): return ("rng", seed)
"""
TORCH = """
_state = [0]
class State:
    def tolist(self): return list(_state)
def get_rng_state(): return State()
def set_rng_state(state): pass
def manual_seed(n): _state[:] = [n]
def rand(n, generator=None): _state[0] += 1; return [0] * n
class nn:
    class init:
        def uniform_(x): _state[0] += 1; return x
"""

# As TensorFlow: a module for randomness below the package, and a generator out of nothing.
TENSORFLOW = """
def set_seed(seed): pass
def uniform(shape, seed=None): return 4
def normal(shape, seed=None): return 4
class Generator:
    @staticmethod
    def from_seed(seed): return Generator()
    @staticmethod
    def from_non_deterministic_state(): return Generator()
"""


def unseeded(place: Place, code: str, python: str = sys.executable) -> list[dict[str, Any]]:
    place.events.unlink(missing_ok=True)
    done = place.run(code, python, watch=True)
    assert (done.returncode, done.stderr) == (0, ""), done
    found: list[dict[str, Any]] = read_events(str(place.events))["unseeded"]
    return found


@pytest.fixture
def libraries(place: Place) -> Place:
    place.module("numpy.__init__", "from numpy import random\n")
    place.module("numpy.random", NUMPY)
    place.module("torch", TORCH)
    place.module("tensorflow.__init__", "from tensorflow import random\n")
    place.module("tensorflow.random", TENSORFLOW)
    return place


@BOTH
def test_the_first_draw_of_each_source_with_its_line(libraries: Place, python: str) -> None:
    code = (
        "import random\nimport numpy as np\nfrom numpy.random import rand\nimport torch\n\n"
        "def f():\n    random.shuffle([1, 2])\n    return random.random()\n\nf(); f()\n"
        "rand(); np.random.rand()\nnp.random.default_rng(); np.random.default_rng()\ntorch.nn.init.uniform_(1); torch.rand(2)\n"
        "assert np.random.rand.__name__ == 'rand' and isinstance(np.random.RandomState, type) and not hasattr(torch.rand, 'x')\n"
    )
    assert unseeded(libraries, code, python) == [
        {"source": "random", "call": "shuffle", "file": "job.py", "line": 7},
        {"source": "numpy.random", "call": "rand", "file": "job.py", "line": 11},
        {"source": "numpy.random", "call": "default_rng", "file": "job.py", "line": 12},
        {"source": "torch", "call": "uniform_", "file": "job.py", "line": 13},
    ]


@BOTH
def test_tensorflow(libraries: Place, python: str) -> None:
    code = "import tensorflow as tf\ntf.random.normal(1, seed=3)\ntf.random.uniform(1)\ntf.random.normal(1)\n"
    code += "tf.random.Generator.from_seed(1)\ntf.random.Generator.from_non_deterministic_state()\n"
    assert unseeded(libraries, code, python) == [
        {"source": "tensorflow", "call": "uniform", "file": "job.py", "line": 3},
        {"source": "tensorflow", "call": "from_non_deterministic_state", "file": "job.py", "line": 6},
    ]
    assert unseeded(libraries, "import tensorflow as tf\ntf.random.set_seed(1)\ntf.random.uniform(1)\n", python) == []


@BOTH
def test_generators_of_ones_own(place: Place, python: str) -> None:
    """The first draw of one without a seed, with the line that made it. What is made of it stays what it was."""
    code = (
        "import copy, pickle, random\nfine = random.Random(3)\nlater = random.Random()\nlater.seed(3)\n"
        "assert fine.random() == later.random() and not later.__dict__.keys() & {'seed', 'random'}\n"
        "idle = random.Random()\nbad = random.Random()\ntwin = pickle.loads(pickle.dumps(copy.deepcopy(bad)))\n"
        "assert twin.getstate() == bad.getstate()\nbad.shuffle([1, 2, 3])\nbad.random()\nsystem = random.SystemRandom()\n"
        "class Mine(random.Random): pass\nMine().choice('ab')\nassert isinstance(bad, random.Random)\n"
    )
    assert unseeded(place, code, python) == [
        {"source": "random", "call": "Random", "file": "job.py", "line": 7},
        {"source": "random", "call": "SystemRandom", "file": "job.py", "line": 12},
    ]
    code = "import random\nrandom.Random().seed()\n"
    assert [one["call"] for one in unseeded(place, code, python)] == ["Random"]
    assert unseeded(place, "import random\nrandom.Random().setstate(random.Random(1).getstate())\n", python) == []
    assert unseeded(place, "import random, secrets, tempfile\nsecrets.token_hex()\ntempfile.mkdtemp()\n", python) == []


@BOTH
def test_what_is_seeded_is_not_told_of(libraries: Place, python: str) -> None:
    code = (
        "import random, numpy as np, torch\nrandom.seed(1); np.random.seed(n=1); torch.manual_seed(1)\n"
        "random.random(); np.random.rand(); np.random.default_rng(3); torch.rand(1); torch.nn.init.uniform_(1)\n"
    )
    assert unseeded(libraries, code, python) == []
    code = "from reprun_job import seed_everything\nseed_everything()\n"
    code += "import random, numpy, torch\nnumpy.random.rand()\ntorch.rand(1)\n"
    assert unseeded(libraries, code + "random.random()\n", python) == []
    assert unseeded(libraries, "import random\nrandom.seed()\nrandom.random()\n") != []  # a seed out of the clock is none


def test_draws_behind_the_functions(libraries: Place) -> None:
    """Compiled code draws from the generator itself: seen at the end. One with a generator of its own is no draw of ours."""
    assert unseeded(libraries, "import torch\ntorch.rand(1, generator=object())\ntorch._state[0] = 0\n") == []
    code = "import numpy.random as r, os\nr._state[0] = 5\nif os.fork() == 0:\n    r._state[0] = 6\n"
    assert unseeded(libraries, code) == [{"source": "numpy.random", "call": "the generator"}]


def test_the_standard_library_and_packages(place: Place) -> None:
    """Names of temporary files are no result; a package draws for the line of the project that called it."""
    assert unseeded(place, "import tempfile, uuid, random\ntempfile.mktemp(); uuid.uuid1(); uuid.uuid4()\n") == []
    place.module("site-packages.lib", "import random\ndef split(): return random.random()\n")
    code = "import sys\nsys.path.append('site-packages')\nimport lib\n\nlib.split()\n"
    assert unseeded(place, code) == [{"source": "random", "call": "random", "file": "job.py", "line": 5}]


@BOTH
def test_the_sitecustomize_that_was_there_is_loaded(place: Place, python: str) -> None:
    place.module("mine.sitecustomize", "import builtins\nbuiltins.hello = __name__\n")
    code = "import sys\nprint(hello, sys.modules['sitecustomize'].__file__)\n"
    done = place.run(code, python, watch=True, PYTHONPATH=str(place.folder / "mine"))
    assert done.stdout.split() == ["sitecustomize", str(place.folder / "mine" / "sitecustomize.py")] and done.stderr == ""


def test_it_keeps_no_job_from_starting(place: Place) -> None:
    """Neither files that cannot be written nor a Python that loads no sitecustomize; then nothing is said of its randomness."""
    done = place.run("import random\nrandom.random()\nprint('on')\n", watch=True, REPRUN_EVENTS="/nowhere/events")
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")
    assert "unseeded" not in read_events(str(place.events))
    done = place.run("import random\nprint(type(random.random).__name__)\n")
    assert done.stdout == "builtin_function_or_method\n"  # without being asked nothing is replaced


def test_events_of_a_stranger(place: Place) -> None:
    """Whatever is in the file, what comes out is small and plain."""
    lines = [
        "[" * 5000, "{}", "null", '{"event": []}', '{"event": "seeded", "seeds": {"a": "x", "b": 1e3, "c": true, "d": 3}}',
        '{"event": "data"}', '{"event": "data", "path": {"a": 1}, "size": 1}', '{"event": "watching"}', "\x00",
        *(json.dumps({"event": "unseeded", "source": "random", "line": n}) for n in range(500)),
    ]  # fmt: skip
    place.events.write_text("\n".join(lines))
    found = read_events(str(place.events))
    assert found["seeded"] == {"d": 3} and found["data_read"] == [{"size": 1}] and len(found["unseeded"]) == 100
    place.events.unlink()
    place.events.mkdir()
    assert read_events(str(place.events)) == {}
