"""Pushing our refs to a Git remote of the user, without a question and without a hook."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from reprun.repo.discover import Repository
from reprun.system.process import Git, translated

REFS = "refs/reprun/*:refs/reprun/*"  # without a `+`: what is there is never replaced
_TOLD = ("! [", "fatal: ", "error: ", "remote: ")  # what says most comes first
_SETTINGS = {
    "push.followTags": "false", "push.gpgSign": "false", "push.recurseSubmodules": "no", "push.pushOption": "",
    "http.lowSpeedLimit": "100", "http.lowSpeedTime": "60", "credential.interactive": "false",
}  # fmt: skip
_SSH = "-o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
# What a way out of this machine and a keyring need beyond what every git of ours gets.
_KEPT = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def push_refs(repository: Repository, remote: str, environ: Mapping[str, str] = os.environ) -> str:
    """Pushes everything below `refs/reprun/`. Answers with why that failed: empty is good. Raises `ToolError` without git."""
    with translated():
        known = repository.git.run("remote", check=False).stdout.decode("utf-8", "replace").splitlines()
        if remote not in known:
            return f"there is no remote {remote!r} in this repository"
        settings = {**repository.git.settings, **_SETTINGS, f"remote.{remote}.mirror": "false"}
        git = Git(repository.top, {**repository.git.where, **_environment(repository, environ)}, settings)
        done = git.run("push", "--quiet", "--end-of-options", remote, REFS, check=False)
    return why(done.stderr.decode("utf-8", "replace"), done.returncode) if done.returncode else ""


def why(said: str, status: int) -> str:
    """The one line of git's that says most about a failed push."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for start in _TOLD for line in lines if line.startswith(start)] or lines
    return told[0] if told else f"git push ended with {status}"


def _environment(repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    names = [*_KEPT, *_PROXIES, *(name.upper() for name in _PROXIES)]
    kept = {name: environ[name] for name in names if name in environ}
    never = {"GIT_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "never", "GCM_INTERACTIVE": "never"}
    return {**kept, **never, **_ssh(repository, environ)}


def _ssh(repository: Repository, environ: Mapping[str, str]) -> dict[str, str]:
    """The user's ssh, told to ask for nothing; another program than OpenSSH's would not know the words."""
    own = repository.git.run("config", "--get", "core.sshCommand", check=False).stdout
    command = environ.get("REPRUN_SSH") or environ.get("GIT_SSH_COMMAND") or os.fsdecode(own).strip() or "ssh"
    try:
        program = os.path.basename((shlex.split(command) or ["ssh"])[0])
    except ValueError:
        program = ""
    return {"GIT_SSH_COMMAND": f"{command} {_SSH}" if program == "ssh" else command}
