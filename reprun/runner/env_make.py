"""Makes one environment, in a process of its own that outlives the link of whoever asked for it, see `env_ensure`.

A prefix cannot be moved once it is made, so it is made in its place, under a kernel lock, and its mark is written last. What
has no mark is removed and made anew.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import Any, BinaryIO, Dict, List, Optional

from reprun.runner.contents import list_lacking
from reprun.runner.env_activate import activate, activate_venv
from reprun.runner.env_archives import Found, Way, collect
from reprun.runner.env_fetch import note_source
from reprun.runner.env_gc import packages_lock
from reprun.runner.env_pip import install_wheels
from reprun.runner.env_plan import of_manager
from reprun.runner.env_record import PLAN, seal
from reprun.runner.env_spare import note_archives
from reprun.runner.env_tools import Installer, find_installer, list_lacking_tools
from reprun.runner.env_venv import lacks_pip, make_venv
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, locked, remove_tree, write_atomic, write_json
from reprun.runner.paths import Home
from reprun.runner.process import finish, how_it_ended, spawn
from reprun.runner.virtual import glibc

_ROOM = 1 << 14  # bytes that are kept free, to be able to say that the disk is full
_SECONDS = 6 * 3600  # for the installer: the largest environments on the slowest disks


class LackError(Exception):
    """Something has to be sent first; the first argument is the answer that says what."""


def make(source: BinaryIO) -> None:
    """Reads the job: `home`, the `id` of this maker, the descriptor of the `lock` that it was born with, and the `request`.

    How it failed is written beside the prefix.
    """
    job = json.loads(source.read())
    home, request = Home(job["home"]), job["request"]
    making = _Making(home, request, job["id"], job["lock"])
    failure: Dict[str, Any]
    try:
        ensure_dir(home.packages)
        with locked(packages_lock(home), exclusive=False):  # no archive is taken for garbage meanwhile
            making.work_through()
        return
    except LackError as error:
        failure = error.args[0]
    except RunnerError as error:
        failure = {"kind": error.kind, "message": error.message, "hint": error.hint}
    except OSError as error:
        where = error.filename or making.prefix
        what = "the environment cannot be made: %s: %s" % (where, error.strerror)
        failure = {"kind": "tool", "message": what, "hint": "make room there, then the same command again"}
    finally:
        making.clean_up()
    write_json(making.prefix + ".failed", {"id": job["id"], **failure}, durable=False)


class _Making:
    def __init__(self, home: Home, request: Dict[str, Any], maker: str, lock: int) -> None:
        self.home, self.request, self.maker, self.plan = home, request, maker, request["plan"]
        self.lock = lock  # handed on to what writes into the prefix: should this process be killed, nobody else begins meanwhile
        self.prefix = home.prefix(self.plan["digest"])
        self.work = self.prefix + ".work"
        self.began, self.told = time.time(), 0.0
        self.is_complete = False

    def work_through(self) -> None:
        """All of it, from the archives to the mark."""
        remove_tree(self.work)
        remove_tree(self.prefix)
        write_atomic(self.prefix + ".room", bytes(_ROOM), durable=False)
        found, installer = self._collect()
        note_archives(self.home, self.plan["digest"], found.paths.values())
        ensure_dir(self.work)
        conda, pip = self._laid_out(found, "conda"), self._laid_out(found, "pip")
        made = self._make_venv(pip) if installer is None else self._make_conda(installer, conda, pip)
        write_json(os.path.join(self.prefix, PLAN), self.plan, durable=False)
        record = {
            "digest": self.plan["digest"], "packages": len(self.plan["packages"]), **made,
            "md5_only": [one["file"] for one in self.plan["packages"] if one.get("md5_only") or not one["sha256"]],
            "made": self.began, "seconds": round(time.time() - self.began, 3),
            "virtual": self.plan.get("virtual", {}), "hostname": os.uname().nodename,
        }  # fmt: skip
        seal(self.prefix, {**record, "replaced": self._replaced(found)})
        self.is_complete = True

    def _make_conda(self, installer: Installer, conda: List[Dict[str, Any]], pip: List[Dict[str, Any]]) -> Dict[str, Any]:
        self._tell("installing %d packages" % len(conda), always=True)
        with locked(packages_lock(self.home), exclusive=False):
            version = self._install(installer, conda)
        if pip:
            self._tell("installing %d packages of pip" % len(pip), always=True)
            install_wheels(self.prefix, self.work, pip, self.lock)
        return {"installer": "py-rattler " + version, "activation": activate(self.prefix), "post_link": _scripts(self.prefix)}

    def _make_venv(self, packages: List[Dict[str, Any]]) -> Dict[str, Any]:
        self._tell("installing %d packages" % len(packages), always=True)
        wish = {"python": self.plan["python"], "packages": packages, "pip": self.request["tools"].get("pip")}
        made = make_venv(self.home, self.prefix, self.work, wish, self.lock)
        return {**made, "activation": activate_venv(self.prefix)}

    def clean_up(self) -> None:
        """Removes what is half made, and what was only for the making."""
        remove_tree(self.work)
        for end in (".doing", ".room"):
            remove_tree(self.prefix + end)
        if not self.is_complete:
            remove_tree(self.prefix)

    def _collect(self) -> "tuple[Found, Optional[Installer]]":
        """The archives, and what installs them: nothing of ours for a virtual environment."""
        packages, request = self.plan["packages"], self.request
        for package in packages:
            package["sha256"] = package.get("sha256") or ""
        may_lack = bool(request.get("may_send"))
        is_venv = "python" in self.plan
        tools = self._lacking_pip() if is_venv else list_lacking_tools(self.home, request["tools"])
        may_fetch = request.get("fetch", "host") == "host"
        found = collect(self.home, packages, Way(may_lack, may_fetch, request.get("labels", ())), self._tell)
        installer = None if is_venv else find_installer(self.home, request)
        if found.lacking or (bool(tools) if is_venv else installer is None):
            partly = self._partly_here(found.lacking)
            raise LackError({"lacks": found.lacking, "tools": tools, "why": found.why, "gone": found.gone, "there": partly})
        return found, installer

    def _replaced(self, found: Found) -> List[List[str]]:
        """(package, source) of those that are not from where the lock says; that is kept for the next environment too."""
        told = self.request.get("sources", {})
        replaced = []
        for at, package in enumerate(self.plan["packages"]):
            source = found.sources.get(package["file"], "")
            if not source and package["file"] in told:
                source = str(told[package["file"]])
                note_source(self.home, os.path.basename(found.paths[at]), source)
            if source:
                replaced.append([package["file"], source])
        return replaced

    def _lacking_pip(self) -> List[str]:
        sent = self.request["tools"].get("pip")
        return ["pip"] if sent and lacks_pip(self.home, self.plan["python"], sent) else []

    def _partly_here(self, lacking: List[Dict[str, Any]]) -> List[List[Any]]:
        """(SHA-256, bytes) of archives of which a part has arrived already."""
        wanted = {one["file"]: [one["sha256"], one.get("size") or 0] for one in lacking if one["sha256"]}
        return [list(pair) for pair in list_lacking(self.home.packages, wanted) if pair[1]]

    def _laid_out(self, found: Found, manager: str) -> List[Dict[str, Any]]:
        """The packages with their archives under their own names, as installers want them."""
        packages = []
        chosen = of_manager(self.plan, manager)
        for at, package in enumerate(self.plan["packages"]):
            if package not in chosen:
                continue
            # Of conda packages two may have one name in different channels; pip looks into one folder.
            folder = self.work if manager == "pip" else ensure_dir(os.path.join(self.work, str(at)))
            archive = os.path.join(folder, package["file"])
            os.symlink(found.paths[at], archive)
            sha256 = os.path.basename(found.paths[at])
            packages.append({**package, "archive": archive, "sha256": sha256, "size": os.path.getsize(archive)})
        return packages

    def _install(self, installer: Installer, packages: List[Dict[str, Any]]) -> str:
        ensure_dir(self.prefix)
        wanted = ("archive", "url", "file", "sha256", "md5", "size")
        wish = {
            "path": installer.path, "prefix": self.prefix, "work": self.work,
            "cache": ensure_dir(os.path.join(self.home.packages, "unpacked")),
            "packages": [{name: package.get(name) or "" for name in wanted} for package in packages],
        }  # fmt: skip
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "env_install.py")
        words = [installer.python, "-I", "-S", "-B", program]
        process, over = spawn(words, keeps=[self.lock]), threading.Event()
        watch = threading.Thread(target=self._watch, args=(over, len(packages)), daemon=True)
        watch.start()
        try:
            done = finish(process, words, json.dumps(wish).encode(), check=False, timeout=_SECONDS)
        finally:
            over.set()
            watch.join()
        if done.returncode or not done.stdout:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [how_it_ended(done.returncode)]
            raise RunnerError("tool", "the installer of packages failed: %s" % lines[-1])
        answer = json.loads(done.stdout)
        if "error" in answer:
            raise _explained(" ".join(str(answer["error"]).split()))
        return str(answer["version"])

    def _watch(self, over: threading.Event, total: int) -> None:
        """The installer writes a record of each package that it has done with."""
        while not over.wait(0.5):
            try:
                done = sum(name.endswith(".json") for name in os.listdir(os.path.join(self.prefix, "conda-meta")))
            except OSError:
                done = 0
            self._tell("installing packages: %d of %d" % (done, total))

    def _tell(self, text: str, always: bool = False) -> None:
        """For those who wait."""
        now = time.monotonic()
        if always or now - self.told > 0.2:
            self.told = now
            note(self.prefix, self.maker, text)


def _scripts(prefix: str) -> List[str]:
    """The packages that want a script of theirs to be run after linking. py-rattler runs none, for it could do anything."""
    end = "-post-link.sh"
    try:
        names = os.listdir(os.path.join(prefix, "bin"))
    except OSError:
        return []
    return sorted(name[1 : -len(end)] for name in names if name.startswith(".") and name.endswith(end))


def _explained(said: str) -> RunnerError:
    """The error for what py-rattler says. Its wheel wants a C library as new as the one that it was linked with."""
    wanted = re.search(r"version `GLIBC_([0-9.]+)' not found", said)
    if wanted or "libc.so.6: cannot open" in said or "libc.musl" in said:
        needs = "glibc %s or newer" % wanted[1] if wanted else "glibc"
        what = "py-rattler, which makes environments, needs %s, and this host has %s" % (needs, glibc() or "another C library")
        return RunnerError("refused", what, 'kind = "system" under [environment] in reprun.toml does without')
    hint = "make room in REPRUN_HOME, then the same command again" if "No space left" in said else ""
    return RunnerError("tool", "the packages cannot be installed: %s" % said, hint)


def note(prefix: str, maker: str, text: str) -> None:
    """Says who makes an environment, and what they are at."""
    write_json(prefix + ".doing", {"id": maker, "text": text, "pid": os.getpid()}, durable=False)
