"""`reprun_job` in real interpreters, the oldest that it knows among them."""

from __future__ import annotations

import json
import math
import random
import sys
from hashlib import sha256

import pytest
from job_lab import OLD, Place

from reprun.core.seeds import derive
from reprun.runner.events import read_events
from reprun.runner.metrics import read_metrics

BOTH = pytest.mark.parametrize("python", [sys.executable, pytest.param(OLD, marks=pytest.mark.needs("python-3.8"))])
# As the scalars and arrays of NumPy and PyTorch behave where it matters.
SCALARS = """
class Scalar:
    def __init__(self, value): self.value = value
    def item(self): return self.value
class Many:
    def item(self): raise ValueError("only one element")
    def __float__(self): raise TypeError("only one element")
    def __repr__(self): return "[1, 2]"
class Broken:
    def item(self): raise RuntimeError
    __float__ = __str__ = __repr__ = item
"""
NUMPY = "import random as _r\nseen = []\ndef seed(n): seen.append(n)\n"


@BOTH
def test_metrics(place: Place, python: str) -> None:
    code = SCALARS + (
        "from decimal import Decimal\nfrom reprun_job import log\n"
        "log(step=1, loss=Scalar(0.5), n=Scalar(3), d=Decimal('0.25'), many=Many(), broken=Broken(), ok=True, none=None)\n"
        "log({'val/loss': 1, 'in': {'ner': Scalar(2.0)}, 3: 4}, step=Scalar(2), metrics=9, self=1)\n"
        "log(nan=float('nan'), inf=Scalar(float('inf')), list=[1, 2])\n"
        "log({'surrogate\\udc80': 1})\n"
    )
    done = place.run(code, python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    first, second, third, _ = place.lines()
    assert {name: first[name] for name in ("step", "loss", "n", "d", "many", "ok", "none")} == {
        "step": 1, "loss": 0.5, "n": 3, "d": 0.25, "many": "[1, 2]", "ok": True, "none": None,
    }  # fmt: skip
    assert first["broken"] == "<Broken>" and math.isnan(third["nan"]) and third["inf"] == math.inf
    assert second == {"step": 2, "val/loss": 1, "in": {"ner": 2.0}, "3": 4, "metrics": 9, "self": 1}
    metrics, skipped = read_metrics(str(place.metrics))
    assert skipped == 0 and metrics["in/ner"]["last"] == 2.0 and metrics["nan"]["last"] == "NaN" and "many" not in metrics


@BOTH
def test_outside_of_a_run_nothing_happens(place: Place, python: str) -> None:
    code = (
        "import os, random, sys\nfor name in list(os.environ):\n    if name.startswith('REPRUN_'): del os.environ[name]\n"
        "import reprun_job as r\nrandom.seed(1); before = random.getstate()\n"
        "r.log(step=1, loss=2)\nassert r.checkpoint('x') == r.data('x') == 'x'\nassert r.seed_everything() == {}\n"
        f"assert random.getstate() == before\nassert r.seed_everything(5)['python'] == {derive(5, 'python')}\n"
    )
    done = place.run(code, python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert place.lines() == place.lines("events") == []


def test_lines_of_many_writers_are_whole(place: Place) -> None:
    """Threads, children by fork without exec, and a program that closes every descriptor and removes the file."""
    code = (
        "import os, threading\nfrom reprun_job import log\n"
        "def many(who):\n    for step in range(200): log(step=step, who=who, text='x' * 900)\n"
        "children = []\n"
        "for who in range(3):\n    pid = os.fork()\n    if pid == 0:\n        many(who); os._exit(0)\n    children.append(pid)\n"
        "threads = [threading.Thread(target=many, args=(3 + who,)) for who in range(3)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; [os.waitpid(pid, 0) for pid in children]\n"
    )
    assert place.run(code).returncode == 0
    lines = place.lines()
    assert sorted((line["who"], line["step"]) for line in lines) == [(who, step) for who in range(6) for step in range(200)]
    code = "import os\nfrom reprun_job import log\nlog(a=1)\nos.closerange(3, 256)\n"
    code += "os.remove(os.environ['REPRUN_METRICS'])\nlog(b=2)\n"
    assert place.run(code).returncode == 0 and place.lines() == [{"b": 2}]


def test_what_cannot_be_written_is_said_once_and_ends_nothing(place: Place) -> None:
    code = "from reprun_job import log\nfor step in range(3): log(step=step, a=1)\n"
    code += "x = {}; x['x'] = x; y = []; y.append(y); log(y=y)\nlog(a=x)\nprint('on')\n"
    done = place.run(code, REPRUN_METRICS="/nowhere/metrics.jsonl")
    assert done.returncode == 0 and done.stdout == "on\n" and done.stderr.count("/nowhere/metrics.jsonl") == 1
    place.metrics.mkdir()
    assert place.run("from reprun_job import log\nlog(a=1)\n").returncode == 0


def test_long_lines_are_several_and_names_may_be_anything(place: Place) -> None:
    code = (
        "from reprun_job import log\nlog({'m%d' % n + 'é' * 200: n for n in range(3000)}, step=1)\n"
        "log({'x' * (1 << 20): 1})\nlog({'': 1, '\\n\\x1b[2J': 2, '\\u2028': 3, 'a': 10 ** 400, 't': 'é' * 10 ** 7})\n"
    )
    done = place.run(code)
    assert done.returncode == 0 and done.stderr.count("\n") == 1
    assert all(len(line) < 1 << 20 for line in place.metrics.read_text().splitlines())
    parts = place.lines()
    assert sum(len(part) - 1 for part in parts[:-1]) == 3000 and {part["step"] for part in parts[:-1]} == {1}
    assert read_metrics(str(place.metrics))[1] == 0


@BOTH
def test_steps_are_limited(place: Place, python: str) -> None:
    """The rest of a step is still written, and the program ends as if by itself."""
    code = (
        "import atexit\nfrom reprun_job import log\natexit.register(print, 'bye')\n"
        "try:\n    for step in range(9):\n        log(step=step, a=1)\n"
        "        log(step=step, b=1)\nfinally:\n    print('cleaned')\n"
    )
    done = place.run(code, python, REPRUN_MAX_STEPS="3")
    assert (done.returncode, done.stdout) == (0, "cleaned\nbye\n")
    assert [line["step"] for line in place.lines()] == [0, 0, 1, 1, 2, 2]
    place.metrics.unlink()
    done = place.run("from reprun_job import log\nfor n in range(9): log(n=n)\n", python, REPRUN_MAX_STEPS="3")
    assert done.returncode == 0 and [line["n"] for line in place.lines()] == [0, 1, 2]


@BOTH
def test_seeds(place: Place, python: str) -> None:
    """What is imported is seeded at once, with its own seed; what comes later, right after its import."""
    place.module("numpy.random", NUMPY)
    place.module("numpy.__init__", "")
    place.module("torch", "seen = []\ndef manual_seed(n): seen.append(n)\nmodern = []\n")
    code = (
        "import json, random, sys, numpy, numpy.random\nfrom reprun_job import seed_everything\n"
        "done = seed_everything()\nassert 'torch' not in sys.modules\ndrawn = random.random()\nimport torch\n"
        "print(json.dumps([done, numpy.random.seen, torch.seen, drawn, type(torch.__spec__.loader).__name__]))\n"
        "print(json.dumps(seed_everything()))\n"
    )
    done = place.run(code, python, PYTHONHASHSEED="5", REPRUN_SEED_TORCH="3")
    assert done.stderr == ""
    said, again = map(json.loads, done.stdout.splitlines())
    mine = random.Random(derive(7, "python")).random()
    assert said == [
        {"python": derive(7, "python"), "numpy": 11, "PYTHONHASHSEED": 5}, [11], [3], mine, "SourceFileLoader",
    ]  # fmt: skip
    assert again == {"python": derive(7, "python"), "numpy": 11, "torch": 3, "PYTHONHASHSEED": 5}
    assert read_events(str(place.events)) == {"seeded": dict(sorted(again.items()))}


def test_jax_gives_a_key_and_a_broken_library_is_said(place: Place) -> None:
    place.module("jax.__init__", "from jax import random\n")
    place.module("jax.random", "def PRNGKey(n): return ('key', n)\n")
    place.module("torch", "def manual_seed(n): raise RuntimeError('no device')\n")
    done = place.run("import jax\nfrom reprun_job import seed_everything\nprint(seed_everything()['jax'])\nimport torch\n")
    assert done.returncode == 0 and done.stdout == f"('key', {derive(7, 'jax')})\n" and "torch was not seeded" in done.stderr
    assert read_events(str(place.events))["seeded"]["jax"] == derive(7, "jax")


def test_checkpoints_and_data(place: Place) -> None:
    (place.folder / "output").mkdir()
    (place.folder / "d.csv").write_text("x")
    code = (
        "import os, pathlib\nfrom reprun_job import checkpoint, data\n"
        "path = pathlib.Path(os.environ['REPRUN_OUTPUT'], 'c.pt'); path.write_text('weights')\n"
        "assert checkpoint(path, step=5, sha256=True) is path\n"
        "for _ in range(3): open(data('d.csv')).close()\n"
        "data('missing'); data('s3://bucket/x', sha256=True); data(b'd.csv'); data('nul\\0')\n"
    )
    assert place.run(code).stderr == ""
    found = read_events(str(place.events))
    weights = {"path": "{output}/c.pt", "size": 7, "step": 5, "sha256": sha256(b"weights").hexdigest()}
    assert found["checkpoints"] == [weights]
    assert found["data_read"][:3] == [{"path": "d.csv", "size": 1}, {"path": "missing"}, {"path": "s3://bucket/x"}]


def test_a_module_of_that_name_of_the_project_wins(place: Place) -> None:
    """As Python has it: what lies beside the program comes first, and is the project's own affair."""
    place.module("reprun_job", "mine = True\n")
    assert place.run("import reprun_job\nassert reprun_job.mine\n").returncode == 0
