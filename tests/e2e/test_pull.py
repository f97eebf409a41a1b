"""`reprun pull`: what a run has left on its host comes to this machine whole, or goes on where it was."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from away_lab import begin, know, tree
from e2e_lab import Reprun, launch, run, wait
from lab import SECONDS, until
from ssh_lab import SshHost

pytestmark = pytest.mark.e2e

WRITER = r"""
import os, sys
out = os.fsencode(os.environ["REPRUN_OUTPUT"])
os.makedirs(out + b"/sub/deep")
for name in (b"result.json", b"sub/deep/model.bin", b"\xff\n$(touch oops) '\".bin", b"-rf", b"empty", b"sub/ \xc3\xa9"):
    with open(out + b"/" + name, "wb") as file:
        file.write(b"" if name == b"empty" else name * 1000)
for number in range(450):
    open(out + b"/sub/%d.txt" % number, "w").write(str(number))
os.symlink("sub/1.txt", out + b"/latest")
os.symlink("../result.json", out + b"/sub/up")
os.symlink("/etc/passwd", out + b"/outside")
os.symlink("../../../manifest.toml", out + b"/sub/above")
os.symlink("deep/../../..", out + b"/sub/crooked")
os.mkfifo(out + b"/pipe")
open(os.environ["REPRUN_METRICS"], "w").write('{"acc": 0.5}\n')
print("to stdout")
print("to stderr", file=sys.stderr)
"""


@pytest.fixture
def far(repo: Path, home: Path, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """The host gpu1, known to the project, which has a script that writes all kinds of outputs."""
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host)
    (repo / "write.py").write_text(WRITER)
    return ssh_host.meet()


def test_everything_comes_as_it_is_there(far: SshHost, home: Path, reprun: Reprun) -> None:
    data = run(reprun, "--on", "gpu1", "--config", "conf/base.yaml", "--", "python3", "write.py", "{config}")
    pulled = reprun("pull", "--json", "@last").data
    there, here = tree(data["run_dir"]), tree(home / "pulled" / data["run_id"])
    for name in (b"claim", b"output/outside", b"output/sub/above", b"output/sub/crooked"):
        there.pop(name, None)
    assert here == there and pulled["folder"] == str(home / "pulled" / data["run_id"])
    assert {b"manifest.toml", b"config.yaml", b"outcome.json", b"metrics.jsonl", b"stdout.log", b"output/-rf"} <= set(here)
    left = {item["path"] for item in pulled["left"]}
    assert left == {f"output/{name}" for name in ("pipe", "outside", "sub/above", "sub/crooked")} and not pulled["problems"]
    again = reprun("pull", "--json", "@last").data
    assert [item["path"] for item in again["brought"]] == ["output/latest", "output/sub/up"]  # a link is cheaply made anew
    assert tree(home / "pulled" / data["run_id"]) == here


def test_only_what_is_asked_for(far: SshHost, repo: Path, tmp_path: Path, reprun: Reprun) -> None:
    run(reprun, "--on", "gpu1", "--", "python3", "write.py")
    words = ("--outputs", "*.json", "--outputs", "sub/deep", "--outputs", "/-rf", "--max-size", "15KB")
    answer = reprun("pull", "--json", "@last", "--to", str(tmp_path / "to"), *words).data
    outputs = {item["path"] for item in answer["brought"] if item["path"].startswith("output/")}
    assert outputs == {"output/result.json", "output/-rf"}
    assert [(item["path"], item["reason"]) for item in answer["left"]] == [
        ("output/sub/deep/model.bin", "larger than --max-size")
    ]
    assert (tmp_path / "to" / "manifest.toml").is_file() and not (tmp_path / "to" / "output" / "sub").exists()


def test_a_wrong_size_and_a_folder_of_others_are_refused(far: SshHost, repo: Path, reprun: Reprun) -> None:
    run(reprun, "--on", "gpu1", "--", "true")
    assert reprun("pull", "@last", "--max-size", "many").rc == 2
    before = os.listdir(repo)
    answer = reprun("pull", "@last", "--to", str(repo))
    assert answer.rc == 3 and "--to" in answer.stderr and os.listdir(repo) == before


def test_a_broken_transfer_goes_on_where_it_was(far: SshHost, repo: Path, home: Path, reprun: Reprun) -> None:
    (repo / "big.py").write_text("import os; open(os.environ['REPRUN_OUTPUT'] + '/big', 'wb').write(os.urandom(96 << 20))\n")
    data = run(reprun, "--on", "gpu1", "--", "python3", "big.py")
    aside = home / "pulled" / data["run_id"] / ".arriving"
    pulling = begin("pull", data["run_id"])
    part = until(lambda: next((path for path in aside.glob("*.part") if path.stat().st_size >= 8 << 20), None), "8 MiB came")
    far.stop()
    far.kill_connections()
    assert pulling.wait(SECONDS) == 4 and b"goes on where this stopped" in (pulling.communicate()[1] or b"")
    came = part.stat()
    assert 0 < came.st_size < 96 << 20
    far.start()
    assert reprun("pull", data["run_id"]).rc == 0
    big = home / "pulled" / data["run_id"] / "output" / "big"
    assert big.stat().st_ino == came.st_ino  # it is the same file, with the rest added
    assert big.read_bytes() == Path(data["run_dir"], "output", "big").read_bytes()
    assert not aside.exists()


def test_what_was_damaged_on_the_way_is_brought_again(far: SshHost, repo: Path, home: Path, reprun: Reprun) -> None:
    (repo / "big.py").write_text("import os; open(os.environ['REPRUN_OUTPUT'] + '/big', 'wb').write(os.urandom(40 << 20))\n")
    data = run(reprun, "--on", "gpu1", "--", "python3", "big.py")
    aside = home / "pulled" / data["run_id"] / ".arriving"
    pulling = begin("pull", data["run_id"])
    part = until(lambda: next((path for path in aside.glob("*.part") if path.stat().st_size >= 4 << 20), None), "4 MiB came")
    pulling.kill()
    pulling.communicate()
    with part.open("r+b") as file:
        file.write(b"damaged")
    assert reprun("pull", data["run_id"]).rc == 0
    there = Path(data["run_dir"], "output", "big").read_bytes()
    assert (home / "pulled" / data["run_id"] / "output" / "big").read_bytes() == there


def test_a_run_that_goes_on_gives_its_logs_so_far(far: SshHost, home: Path, tmp_path: Path, reprun: Reprun) -> None:
    gate = tmp_path / "gate"
    script = f"echo one; echo x > {{output}}/half; until [ -e {gate} ]; do sleep 0.02; done; echo two"
    data = launch(reprun, "--on", "gpu1", "--", "sh", "-c", script)
    until(lambda: Path(data["run_dir"], "output", "half").exists() or None)
    folder = home / "pulled" / data["run_id"]
    assert reprun("pull", "--json", data["run_id"]).data["state"] == "running"
    assert (folder / "stdout.log").read_text() == "one\n" and not (folder / "output").exists()
    reprun("pull", data["run_id"], "--outputs", "half")
    assert (folder / "output" / "half").read_text() == "x\n"
    gate.touch()
    wait(reprun, data["run_id"])
    assert reprun("pull", data["run_id"]).rc == 0 and (folder / "stdout.log").read_text() == "one\ntwo\n"


def test_writable_parts_of_the_tree_are_outputs_too(far: SshHost, repo: Path, home: Path, reprun: Reprun) -> None:
    know(repo, far, more="", target="")
    (repo / "reprun.toml").write_text('writable = ["results"]\n' + (repo / "reprun.toml").read_text())
    script = "mkdir -p results && echo 1 > results/a.json && echo 2 > results/b"
    data = run(reprun, "--on", "gpu1", "--", "sh", "-c", script)
    reprun("pull", data["run_id"], "--outputs", "*.json")
    found = tree(home / "pulled" / data["run_id"])
    assert found[b"tree/results/a.json"] == b"1\n" and b"tree/results/b" not in found


def test_what_is_not_there_any_more(far: SshHost, reprun: Reprun) -> None:
    data = run(reprun, "--on", "gpu1", "--", "true")
    shutil.rmtree(data["run_dir"])
    answer = reprun("pull", data["run_id"])
    assert answer.rc == 6 and "not on gpu1" in answer.stderr and "hint:" in answer.stderr


def test_a_run_of_this_machine(repo: Path, tmp_path: Path, reprun: Reprun) -> None:
    data = run(reprun, "--", "sh", "-c", "echo 1 > {output}/a")
    answer = reprun("pull", "--json", "@last").data
    assert answer["folder"] == data["run_dir"] and not answer["brought"]  # it is here already
    reprun("pull", "@last", "--to", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "output" / "a").read_text() == "1\n"
    assert not os.path.exists(tmp_path / "copy" / ".arriving")
