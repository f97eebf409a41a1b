"""What a job will import is tried before it starts: what fails for certain is told from what may be well."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from lab import old_tool
from probe_lab import RUN_ID, Probes

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def probes(tmp_path: Path) -> Probes:
    return Probes(tmp_path)


def test_what_is_fine_has_no_problem_and_the_entry_is_not_run(probes: Probes) -> None:
    probes.write(
        train="import json\nfrom pack.model import Net\nimport pack\nopen('ran', 'w')\n"
        "if __name__ == '__main__':\n    import csv\n",
        pack____init__="",
        pack__model="class Net: pass\n",
    )
    assert probes.problems("python", "-u", "train.py") == []
    assert not (probes.tree / "ran").exists()
    assert [name for name, _ in probes.measured["imports"]["times"]] == ["json", "pack.model", "pack", "csv"]


def test_all_that_is_missing_is_told_with_its_place(probes: Probes) -> None:
    probes.write(
        train="import nothere\nimport helper\nfrom json import nosuch\nimport late\n",
        helper="import alsonot.deep\n",
        late="1 +\n",
    )
    assert probes.problems("python", "train.py") == [
        ("missing", "nothere", "train.py:1", True),
        ("missing", "alsonot", "helper.py:1", True),
        ("import", "json", "train.py:3", True),
        ("syntax", "late", "late.py:1", True),
    ]


def test_a_syntax_error_of_the_entry(probes: Probes) -> None:
    probes.write(train="import json\n\ndef f(:\n    pass\n")
    assert probes.problems("python", "train.py") == [("syntax", "train.py", "train.py:3", True)]


def test_a_script_that_is_not_there(probes: Probes) -> None:
    assert probes.problems("python", "trian.py") == [("absent", "trian.py", "", True)]


def test_what_may_be_missing_is_no_problem(probes: Probes) -> None:
    probes.write(train="try:\n    import nothere\nexcept ImportError:\n    nothere = None\nif False:\n    import alsonot\n")
    assert probes.problems("python", "train.py") == []


def test_an_import_after_code_that_may_change_everything_is_only_warned_of(probes: Probes) -> None:
    probes.write(train="from helper import prepare\nprepare()\nimport nothere\n", helper="def prepare(): pass\n")
    assert probes.problems("python", "train.py") == [("missing", "nothere", "train.py:3", False)]


def test_a_module_of_the_project_that_code_leads_to_is_not_spoken_of(probes: Probes) -> None:
    probes.write(train="import sys\nsys.path.insert(0, 'src')\nimport tools\n", src__tools="")
    assert probes.problems("python", "train.py") == []


def test_an_import_in_a_function_is_only_warned_of(probes: Probes) -> None:
    probes.write(train="import helper\n", helper="def plot():\n    import nothere\n")
    assert probes.problems("python", "train.py") == [("missing", "nothere", "helper.py:2", False)]


def test_a_module_that_fails_otherwise(probes: Probes) -> None:
    """Certain only where the job has done nothing before it that we did not do."""
    probes.write(
        train="import helper\n", other="import os\nos.environ['A'] = '1'\nimport helper\n", helper="import os\nos.environ['A']\n"
    )
    assert probes.problems("python", "train.py") == [("error", "helper", "helper.py:2", True)]
    assert probes.problems("python", "other.py") == [("error", "helper", "helper.py:2", False)]


@pytest.mark.parametrize(
    ("text", "kind", "certain"),
    [
        ("raise SystemExit(3)", "exit", False),
        ("import os\nos._exit(3)", "ended", False),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "ended", True),
        ("raise KeyboardInterrupt", "exit", False),
    ],
)
def test_a_module_that_ends_the_interpreter(probes: Probes, text: str, kind: str, certain: bool) -> None:
    probes.write(train="import helper\n", helper=text + "\n")
    (found,) = probes.problems("python", "train.py")
    assert (found[0], found[1], found[3]) == (kind, "helper", certain)


def test_a_module_that_hangs_is_ended_with_its_children(probes: Probes) -> None:
    probes.write(
        train="import helper\n",
        helper="import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], start_new_session=True)\n"
        f"open({str(probes.tree.parent / 'pid')!r}, 'w').write(str(child.pid))\ntime.sleep(1000)\n",
    )
    found = probes.look("python", "train.py", imports=True, seconds=3.0)["imports"]["problems"]
    assert [(one["kind"], one["certain"]) for one in found] == [("slow", False)]
    path = probes.tree.parent / "pid"
    pid = path.read_text() if path.exists() else "0"  # the machine may be too busy for it
    assert not Path("/proc", pid).exists() or Path("/proc", pid, "stat").read_text().rpartition(") ")[2][0] in "ZX"


def test_what_is_printed_is_dropped_however_much_it_is(probes: Probes) -> None:
    probes.write(
        train="import helper\n",
        helper="import sys\nfor _ in range(100):\n    print('x' * 100000); print('{}', file=sys.stderr)\n",
    )
    assert probes.problems("python", "train.py") == []


@pytest.mark.parametrize("words", [("python", "-m", "pack"), ("python", "-um", "pack.__main__"), ("python", "-mpack")])
def test_a_module_that_is_run(probes: Probes, words: tuple[str, ...]) -> None:
    probes.write(pack____init__="", pack____main__="from . import model\nfrom .nothere import x\n", pack__model="")
    assert probes.problems(*words) == [("missing", "pack.nothere", "pack/__main__.py:2", True)]


def test_a_module_that_is_not_there(probes: Probes) -> None:
    assert probes.problems("python", "-m", "nothere") == [("missing", "nothere", "-m", True)]


def test_code_on_the_command_line(probes: Probes) -> None:
    probes.write(helper="")
    assert probes.problems("python", "-c", "import helper, nothere") == [("missing", "nothere", "-c:1", True)]
    assert probes.problems("python", "-c", "1 +") == [("syntax", "-c", "-c:1", True)]


def test_an_executable_script_of_the_project(probes: Probes) -> None:
    probes.write(train="#!/usr/bin/env python3\nimport nothere\n")
    (probes.tree / "train.py").chmod(0o755)
    assert [found[1] for found in probes.problems("./train.py")] == ["nothere"]


@pytest.mark.parametrize(
    "words", [("sh", "-c", "python train.py"), ("python",), ("python", "-"), ("python", "-V"), ("python", "-i", "-x")]
)
def test_nothing_is_said_of_what_is_no_python_entry(probes: Probes, words: tuple[str, ...]) -> None:
    assert probes.look(*words, imports=True)["imports"] == {}


def test_modules_of_the_project_with_names_of_the_standard_library(probes: Probes) -> None:
    """The job would get its own; so does the trial, which needs some of these itself."""
    probes.write(train="from json import mine\nfrom ast import yours\n", json="mine = 1\n", ast="yours = 1\n")
    assert probes.problems("python", "train.py") == []


def test_the_worktree_is_not_written_to(probes: Probes) -> None:
    probes.write(train="import helper\n", helper="")
    for words in (("python", "train.py"), ("python", "-I", "-c", "import sys; sys.path.insert(0, '.'); import helper")):
        probes.look(*words, imports=True)
    assert sorted(path.name for path in probes.tree.rglob("*")) == ["helper.py", "train.py"]


def test_a_module_that_lies_elsewhere_in_the_project_is_found(probes: Probes) -> None:
    probes.write(train="import tools\n", src__tools="")
    (found,) = probes.look("python", "train.py", imports=True)["imports"]["problems"]
    assert found["near"] == "src"


def test_a_module_deep_in_a_monorepo_is_no_package_to_install(probes: Probes) -> None:
    """The path to it is made when the job runs, so nothing is said of it."""
    probes.write(libs__one__tools="", train="import sys\nsys.path.insert(0, 'libs/' + 'one')\nimport tools\nimport nowhere\n")
    assert [found["name"] for found in probes.look("python", "train.py", imports=True)["imports"]["problems"]] == ["nowhere"]


class TestMemory:
    """What went well is not tried again, as long as nothing has changed that it depends on."""

    @pytest.fixture
    def fine(self, probes: Probes) -> Probes:
        probes.write(train="import helper\n", helper="import pack.model\n", pack____init__="", pack__model="")
        assert probes.problems("python", "train.py") == []
        return probes

    def is_remembered(self, probes: Probes, **ask: object) -> bool:
        probes.look("python", "train.py", imports=True, **ask)
        return bool(probes.measured["imports"].get("cached"))

    def test_nothing_has_changed(self, fine: Probes) -> None:
        assert self.is_remembered(fine) and self.is_remembered(fine)

    @pytest.mark.parametrize("name", ["train", "helper", "pack__model"])
    def test_a_file_has(self, fine: Probes, name: str) -> None:
        fine.write(**{name: fine.path(name).read_text() + "# new\n"})
        assert not self.is_remembered(fine) and self.is_remembered(fine)

    def test_a_file_was_added_that_may_hide_another(self, fine: Probes) -> None:
        fine.write(pack__json="")
        assert not self.is_remembered(fine)

    def test_the_environment_or_a_variable_has(self, fine: Probes) -> None:
        fine.digest = "another"
        assert not self.is_remembered(fine) and self.is_remembered(fine)
        fine.variables = {"MODE": "fast"}
        assert not self.is_remembered(fine) and self.is_remembered(fine)

    def test_the_time_is_over_or_nothing_is_to_be_remembered(self, fine: Probes) -> None:
        assert not self.is_remembered(fine, keep=0.0)
        (memo,) = Path(fine.home.cache, "imports").iterdir()
        memo.write_text(memo.read_text().replace('"time": 1', '"time": 0'))
        assert not self.is_remembered(fine)

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"time": 99999999999, "state": 5}', '{"time": "x"}'])
    def test_the_memo_is_damaged(self, fine: Probes, text: str) -> None:
        (memo,) = Path(fine.home.cache, "imports").iterdir()
        memo.write_text(text)
        assert not self.is_remembered(fine) and self.is_remembered(fine)

    def test_what_is_old_is_swept_away(self, fine: Probes) -> None:
        (memo,) = Path(fine.home.cache, "imports").iterdir()
        os.utime(memo, (1, 1))
        fine.digest = "another"
        assert not self.is_remembered(fine) and not memo.exists()

    def test_a_failure_is_always_tried_again(self, probes: Probes) -> None:
        probes.write(train="import nothere\n")
        assert probes.problems("python", "train.py")
        probes.write(train="import nothere\n", nothere="")
        assert probes.problems("python", "train.py") == []


def test_randomness_is_looked_for_in_all_files_of_the_project(probes: Probes) -> None:
    probes.write(train="import helper, random\n", helper="import random\nx = random.random()\n")
    assert probes.look("python", "train.py", imports=True)["imports"]["unseeded"] == [["random", "helper.py:2"]]


@pytest.mark.needs("python-3.8")
def test_an_old_interpreter_tries_them_too(probes: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", old_tool("python-3.8"), prepend=os.pathsep)
    probes.write(train="import json\nimport nothere\n")
    assert probes.problems("python3", "train.py") == [("missing", "nothere", "train.py:2", True)]


def test_a_job_that_has_started_is_left_alone(probes: Probes) -> None:
    """A request may be repeated after its start, and what is looked at then is the job itself."""
    job = subprocess.Popen(["sleep", "1000"], env={"REPRUN_RUN_ID": RUN_ID})
    try:
        probes.write(train="import nothere\n")
        assert probes.problems("python", "train.py")
        assert job.poll() is None
        Path(probes.home.run(RUN_ID).started).write_text("{}")
        assert probes.look("python", "train.py", imports=True) == {}
    finally:
        job.kill()
        job.wait()


def test_every_source_of_randomness_that_has_no_seed_is_named(probes: Probes) -> None:
    """With packages of these names that stand in for the real ones."""
    imports = (
        "import random\nimport numpy as np\nimport torch\nimport tensorflow\nimport jax\nfrom sklearn.cluster import KMeans\n"
    )
    random = "def seed(n): pass\ndef rand(): pass\ndef default_rng(n=None): pass\n"
    probes.write(
        numpy____init__="from . import random\n", numpy__random=random, torch="def manual_seed(n): pass\n",
        tensorflow____init__="from . import random\n", tensorflow__random="def set_seed(n): pass\n",
        jax____init__="from . import random\n", jax__random="def PRNGKey(n): pass\ndef normal(key): pass\n",
        sklearn____init__="", sklearn__cluster="class KMeans:\n    def __init__(self, n, random_state=None): pass\n",
        train=imports
        + "KMeans(3)\nrandom.random()\nnp.random.rand()\njax.random.normal(None)\nnp.random.default_rng()\n",
        fine=imports
        + "random.seed(1); np.random.seed(1); torch.manual_seed(1); tensorflow.random.set_seed(1); jax.random.PRNGKey(1)\n"
        "KMeans(3)\nrandom.random()\nnp.random.rand()\njax.random.normal(None)\nnp.random.default_rng(1)\n",
    )  # fmt: skip
    found = probes.look("python", "train.py", imports=True)["imports"]
    assert found["problems"] == [] and found["unseeded"] == [
        ["jax", "train.py:10"], ["numpy", "train.py:9"], ["numpy.random.default_rng", "train.py:11"], ["random", "train.py:8"],
        ["sklearn", "train.py:7"], ["tensorflow", "train.py:4"], ["torch", "train.py:3"],
    ]  # fmt: skip
    assert probes.look("python", "fine.py", imports=True)["imports"]["unseeded"] == []
