"""Runs in environments of packages of pip, from uv.lock or requirements.txt to the verdict, with the installed command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import Answer, Run
from pypi_index import PypiIndex
from remote_lab import PLACE, describe
from ssh_lab import SshHost
from wheel_lab import Made, requirements, uv_lock, write_wheel

Reprun = Callable[..., Answer]
TRAIN = "import dialer, sys\nprint(sys.prefix)\nopen(sys.argv[1] + '/v', 'w').write(dialer.dial.VERSION)\n"
COMMAND = ("--", "python", "train.py", "{output}")
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
PROJECT = '[project]\nname = "demo"\nversion = "0.1"\nrequires-python = ">=3.8"\ndependencies = ["dialer>=1"]\n'


def launched(reprun: Reprun, *words: str, env: dict[str, str] | None = None) -> tuple[str, dict[str, Any], Answer]:
    """A run that has ended well: its id, the environment in its manifest, and what the launch said."""
    answer = reprun("launch", "--follow", "--json", *words, *COMMAND, env=env)
    assert answer.data["outcome"]["exit_code"] == 0, answer
    manifest = tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text())
    return answer.data["run_id"], manifest["environment"], answer


def two_wheels(folder: Path, version: str = "1.0") -> list[Made]:
    dial = write_wheel(folder, "dial", version, f"VERSION = '{version}'\ndef main():\n    print('ring')\n", script="dial:main")
    return [dial, write_wheel(folder, "dialer", "2.0", "import dial\n", depends=("dial",))]


@pytest.fixture
def wheels(repo: Path, home: Path, tmp_path: Path) -> list[Made]:
    """A project that needs two packages, and where they are."""
    (repo / "train.py").write_text(TRAIN)
    (repo / "pyproject.toml").write_text(PROJECT)
    (repo / ".python-version").write_text(f"{HERE}\n")
    return two_wheels(tmp_path / "wheels")


def test_a_run_gets_what_uv_lock_says_and_can_be_done_again(
    wheels: list[Made], repo: Path, home: Path, reprun: Reprun, git: Run, tmp_path: Path
) -> None:
    (repo / "uv.lock").write_text(uv_lock("demo", wheels, ["dialer"]))
    (repo / "reprun.toml").write_text(f'[environment]\npython = "{HERE}"\n')
    first, environment, answer = launched(reprun)
    assert environment["prefix"] in answer.stderr and environment["prefix"].startswith(str(home))
    assert (environment["kind"], environment["strength"], environment["origin"]) == ("uv", "locked", "committed")
    assert environment["installer"].startswith("pip ") and environment["packages"] == ["dial==1.0", "dialer==2.0"]
    assert os.path.realpath(environment["executable"]) == environment["executable"]
    assert wheels[0].sha256 in git("cat-file", "blob", f"refs/reprun/locks/{environment['lock']}")
    (tmp_path / "wheels").rename(tmp_path / "gone")  # nobody is asked anything again
    _, again, answer = launched(reprun, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert again == environment
    loaded = set(re.findall(r"\| +(\S+)$", answer.stderr, flags=re.MULTILINE))
    assert "reprun.commands.env_pip" in loaded and not {"packaging", "reprun.env.uv_lock", "reprun.env.pylock", "yaml"} & loaded
    assert reprun("reproduce", first, "--json").data["verdict"]["kind"] == "identical"
    # by hand, and for a machine that has nothing
    dry = reprun("launch", "--dry-run", "--json", *COMMAND).data["environment"]
    assert (dry["kind"], dry["state"], dry["lock"]) == ("uv", "there", environment["lock"])
    assert reprun("env", "create", "--json").data["made"] is False
    assert reprun("env", "shell", first, "--", "python", "-c", "import dialer, sys; sys.exit(9)").rc == 9
    pack = str(tmp_path / "x.tar")
    assert reprun("env", "pack", first, "-o", pack, "--json").data["packages"] == 2
    bare = {"REPRUN_HOME": str(tmp_path / "bare")}
    assert reprun("reproduce", first, "--json", env=bare).rc == 5
    answer = reprun("reproduce", first, "--pack", pack, "--json", env=bare)
    assert answer.json["data"]["verdict"]["kind"] == "identical" and "from the pack x.tar" in answer.stderr
    clone = tmp_path / "clone"
    git("clone", "-q", str(repo), str(clone))
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=clone)
    shown = reprun("reproduce", first, cwd=clone)
    assert shown.rc == 3 and f"installs    2 packages from {(tmp_path / 'wheels').as_uri()}" in shown.stderr
    (repo / "pyproject.toml").write_text(PROJECT.replace("dialer>=1", "dialer>=3"))
    refused = reprun("launch", *COMMAND)
    assert refused.rc == 3 and "it has dialer 2.0, not >=3" in refused.stderr and "hint: uv lock" in refused.stderr


def test_a_run_gets_what_requirements_with_hashes_say(wheels: list[Made], repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    (repo / "requirements.txt").write_text("dialer\n")
    answer = reprun("launch", "--follow", "--", "python3", "-c", "pass")
    assert answer.rc == 0 and "requirements.txt has no hashes" in answer.stderr and "--generate-hashes" in answer.stderr
    (repo / "requirements.txt").write_text(requirements(*wheels))
    first, environment, answer = launched(reprun)
    assert (environment["kind"], environment["strength"]) == ("requirements", "locked") and "note:" not in answer.stderr
    assert environment["solver"].startswith("pip ") and environment["packages"] == ["dial==1.0", "dialer==2.0"]
    (repo / "requirements.txt").write_text(requirements(*two_wheels(tmp_path / "newer", "1.1")))
    second, other, _ = launched(reprun)
    assert other["digest"] != environment["digest"]
    rows = {(row["area"], row["name"]): row["new"] for row in reprun("diff", first, second, "--json").data["differences"]}
    assert rows["packages", "dial"] == "1.1" and ("packages", "dialer") not in rows
    (repo / "tool.py").write_text(
        "import dial, importlib.metadata as m, sys\ndef main():\n    print(m.version('demo'), __file__)\n"
    )
    (repo / "pyproject.toml").write_text(
        PROJECT.replace('version = "0.1"', 'dynamic = ["version"]') + 'scripts.demo = "tool:main"\n'
    )
    answer = reprun("launch", "--follow", "--json", "--", "demo")
    manifest = tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text())
    commit = manifest["code"]["commit"]
    assert manifest["environment"]["project"] == "install" and f"0+{commit[:12]} " in answer.stderr and commit in answer.stderr
    rows = reprun("reproduce", answer.data["run_id"], "--json").json["data"]["differences"]
    assert not rows, "the folder of a run is no difference"
    (repo / "requirements.txt").write_text(requirements(wheels[0]).replace("dial==1.0", "dial==9.9"))
    refused = reprun("launch", *COMMAND)
    assert refused.rc == 3 and "no wheel of dial==9.9" in refused.stderr


@pytest.mark.parametrize("where", ["netrc", "variable"])
def test_an_index_that_wants_a_password_gets_it_and_nothing_else_does(
    repo: Path, home: Path, reprun: Reprun, private_home: Path, tmp_path: Path, where: str
) -> None:
    with PypiIndex(tmp_path / "wheels", "me:s3cr3t") as index:
        digest, address = index.add("tally"), index.url.removeprefix("http://")
        (repo / "requirements.txt").write_text(f"tally==1.0 --hash=sha256:{digest}\n")
        (repo / "train.py").write_text("import tally\n")
        env = {"PIP_INDEX_URL": index.url, "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
        if where == "netrc":
            (private_home / ".netrc").write_text("machine 127.0.0.1 login me password s3cr3t\n")
            (private_home / ".netrc").chmod(0o600)
        else:
            env["PIP_INDEX_URL"] = f"http://me:s3cr3t@{address}"
        _, environment, answer = launched(reprun, env=env)
        assert environment["packages"] == ["tally==1.0"] and "s3cr3t" not in answer.stdout + answer.stderr
        assert not index.told, "no process had it in its command line"
        files = [path for top in (home, repo) for path in top.rglob("*") if path.is_file()]
        assert len(files) > 50 and not [path for path in files if b"s3cr3t" in path.read_bytes()]
        index.secret = "me:other"
        again = reprun("launch", *COMMAND, env={**env, "REPRUN_HOME": str(tmp_path / "other")})
        assert again.rc == 5 and "another name and password than those in" in again.stderr, again
        assert "machine 127.0.0.1 login NAME password PASSWORD" in again.stderr and "s3cr3t" not in again.stderr


def test_members_of_a_workspace_come_from_the_worktree(wheels: list[Made], repo: Path, reprun: Reprun) -> None:
    member = (
        '\n[[package]]\nname = "lib"\nversion = "3"\nsource = { editable = "libs/lib" }\ndependencies = [{ name = "dialer" }]\n'
    )
    (repo / "uv.lock").write_text(uv_lock("demo", wheels, ["lib"]) + member)
    (repo / "pyproject.toml").write_text(PROJECT.replace("dialer>=1", "lib"))
    (repo / "libs/lib/src/lib").mkdir(parents=True)
    (repo / "libs/lib/src/lib/__init__.py").write_text(
        "def main():\n    import dialer\n    print(dialer.dial.VERSION, __file__)\n"
    )
    (repo / "libs/lib/pyproject.toml").write_text('[project]\nname = "lib"\nversion = "3"\nscripts.libtool = "lib:main"\n')
    words = ("--", "sh", "-c", "libtool && python -c 'import importlib.metadata as m; print(m.version(\"lib\"))'")
    answer = reprun("launch", "--follow", "--json", *words)
    assert (
        answer.data["outcome"]["exit_code"] == 0 and "1.0 " in answer.stderr and "/libs/lib/src/lib/__init__.py" in answer.stderr
    )
    environment = tomllib.loads(Path(answer.data["run_dir"], "manifest.toml").read_text())["environment"]
    assert environment["members"] == ["libs/lib"] and environment["packages"] == ["dial==1.0", "dialer==2.0"]
    assert str(repo) not in answer.stderr.partition("1.0 ")[2], "it is not the code of the dev tree"
    assert reprun("reproduce", answer.data["run_id"], "--json").json["data"]["differences"] == []


def test_an_upgraded_python_makes_the_environment_anew_and_a_missing_one_is_named(
    wheels: list[Made], repo: Path, home: Path, reprun: Reprun, tmp_path: Path
) -> None:
    (repo / "uv.lock").write_text(uv_lock("demo", wheels, ["dial"]))
    (repo / "train.py").write_text("import dial\n")
    (repo / "pyproject.toml").unlink()
    _, environment, _ = launched(reprun)
    mark = Path(environment["prefix"]) / ".reprun-complete"
    base = json.loads(mark.read_text())["base"]
    mark.chmod(0o600)
    mark.write_text(re.sub(r'("stamp": \[\s*\d+,\s*)\d+', r"\g<1>1", mark.read_text()))  # as if the Python were another file now
    _, again, _ = launched(reprun)
    assert again == environment and json.loads(mark.read_text())["base"] == base
    checked = reprun("env", "check", "--prefix", again["prefix"])
    assert checked.rc == 0 and "fits" in checked.stdout and "is what the lock says" in checked.stdout, checked
    refused = reprun("env", "lock")
    assert refused.rc == 2 and "hint: uv lock" in refused.stderr
    assert "Python 3" in reprun("env", "ls").stdout
    mine = tmp_path / "mine"
    venv.create(mine, symlinks=True, with_pip=False)
    (next((mine / "lib").glob("python*/site-packages")) / "dial-3.0.dist-info").mkdir()
    drifted = reprun("launch", "--follow", *COMMAND, env={"VIRTUAL_ENV": str(mine)})
    assert drifted.rc == 0 and "dial 1.0 (pip) in the lock, 3.0 (pip) installed" in drifted.stderr, drifted
    (repo / ".python-version").write_text("3.99\n")
    refused = reprun("launch", *COMMAND)
    assert refused.rc == 3 and "no Python 3.99" in refused.stderr and "uv python install 3.99" in refused.stderr


def test_a_host_without_internet_gets_what_uv_lock_says(
    wheels: list[Made], repo: Path, reprun: Reprun, ssh_host: SshHost
) -> None:
    (repo / "uv.lock").write_text(uv_lock("demo", wheels, ["dialer"]))
    (repo / ".python-version").unlink()  # the host has the Python that it has
    describe(repo, ssh_host)
    settings = (repo / "reprun.toml").read_text()
    (repo / "reprun.toml").write_text(settings + '[environment]\nfetch = "dev"\n')
    answer = reprun("launch", "--on", ssh_host.name, "--follow", "--json", *COMMAND, env=ssh_host.environ)
    manifest = tomllib.loads((ssh_host.home / PLACE / "runs" / answer.data["run_id"] / "manifest.toml").read_text())
    environment = manifest["environment"]
    assert environment["prefix"].startswith(str(ssh_host.home)) and environment["kind"] == "uv"
    sent = list((ssh_host.home / PLACE / "pkgs").rglob(wheels[0].sha256))
    assert sent and environment["prefix"] in answer.stderr
    # what was remembered of the host is not true any more
    subprocess.run(["chmod", "-R", "u+w", environment["prefix"]], check=True)
    subprocess.run(["rm", "-r", environment["prefix"]], check=True)
    again = reprun("launch", "--on", ssh_host.name, "--follow", "--json", *COMMAND, env=ssh_host.environ)
    assert again.data["outcome"]["exit_code"] == 0
    here = reprun("reproduce", answer.data["run_id"], "--on", "local", "--json", env=ssh_host.environ)
    rows = {row["name"] for row in here.json["data"]["differences"] if row["area"] in ("environment", "packages", "python")}
    assert not rows, here
