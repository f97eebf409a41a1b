"""The user's own Git settings that decide how files are converted, and a cheap way to know that there are none."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass, field
from reprun.runner import __file__ as runner_file
from reprun.system.files import find_bytes
from reprun.system.process import Git

_WORDS = (b"autocrlf", b"eol", b"attributesfile")
_ELSEWHERE = b"include"  # a file that we do not read here
_ASKED = r"^(core\.(autocrlf|eol|attributesfile)|lfs\.storage|filter\..*\.(clean|smudge|process|required))$"


@dataclass(frozen=True)
class Settings:
    """What git says: `autocrlf` is `true` or `input` or empty, `eol` is `crlf` or empty; `filters` name → key → value."""

    autocrlf: str = ""
    eol: str = ""
    attributes_file: str = ""
    lfs_storage: str = ""
    filters: dict[str, dict[str, str]] = field(default_factory=dict)


def read_texts(git_dir: str, common_dir: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """The files that git takes its settings from, in lower case: 60 microseconds where asking git takes 2 milliseconds.

    They are only searched for words: a word that is not in them was not said; one that is may mean something else.
    """
    home, user = _user_folders(environ)
    files = [f"{common_dir}/config", f"{git_dir}/config.worktree", f"{home}/.gitconfig", f"{user}/config"]
    files += [f"{folder}/gitconfig" for folder in system_folders()]
    return b"\n".join(_read(path) for path in files).lower()


def _read(path: str) -> bytes:
    try:
        return find_bytes(path) or b""
    except ToolError:
        return _ELSEWHERE  # what it says is for git to find out


def system_folders() -> list[str]:
    """Where a git looks for the settings of the whole machine: `/etc`, and `etc` beside the folder that it lies in."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    program = next((folder for folder in folders if os.access(os.path.join(folder, "git"), os.X_OK)), "/usr/bin")
    beside = os.path.join(os.path.dirname(program), "etc")
    return ["/etc"] if beside == "/usr/etc" else ["/etc", beside]


def user_attributes(environ: Mapping[str, str] = os.environ) -> str:
    """The file of the user's attributes where `core.attributesFile` names none."""
    return os.path.join(_user_folders(environ)[1], "attributes")


def read_attributes(common_dir: str) -> bytes:
    """The files of attributes that stand outside of the tree, where no setting names others."""
    files = [f"{common_dir}/info/attributes", user_attributes(), *(f"{folder}/gitattributes" for folder in system_folders())]
    return b"\0".join(_read(path) for path in files)


def may_set_conversions(texts: bytes) -> bool:
    """Whether git has to be asked for line endings and attribute files."""
    return _ELSEWHERE in texts or any(word in texts for word in _WORDS)


def may_say_of_hooks(texts: bytes, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether hooks may be named in settings, or their folder by variables: a first look, see `repo/hook_settings.py`."""
    return b"[hook" in texts or _ELSEWHERE in texts or any(name.startswith("GIT_CONFIG_") for name in environ)


def git_folders(top: str) -> tuple[str, str]:
    """Git's own folder for the checkout at `top` and what all its worktrees share, before git was asked; a first guess."""
    link = os.path.join(top, ".git")
    if os.path.isdir(link):
        return link, link
    folder = os.path.join(top, os.fsdecode(_read(link).strip().removeprefix(b"gitdir: ")))
    return folder, os.path.join(folder, os.fsdecode(_read(os.path.join(folder, "commondir")).strip()))


def lfs_settings(texts: bytes) -> dict[str, str]:
    """Settings that put our own filter in the place of git-lfs, which would write to the user's `.git/config` and hooks."""
    if b"lfs" not in texts and _ELSEWHERE not in texts:
        return {}
    words = [sys.executable, "-I", "-S", os.path.dirname(runner_file), "lfs-filter"]
    return {"filter.lfs.process": " ".join(_quoted(word) for word in words), "filter.lfs.required": "true"}


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"  # as shlex does, which takes a millisecond to import


def ask_settings(git: Git) -> Settings:
    """Asks git for all that matters here, wherever it is set."""
    said = git.run("config", "-z", "--get-regexp", _ASKED, check=False).stdout
    plain: dict[str, str] = {}
    filters: dict[str, dict[str, str]] = {}
    for item in said.split(b"\0"):
        key, _, value = os.fsdecode(item).partition("\n")
        if key.startswith("filter."):
            name, _, option = key.removeprefix("filter.").rpartition(".")
            filters.setdefault(name, {})[option] = value
        elif key:
            plain[key] = value
    filters.pop("lfs", None)  # ours
    autocrlf = plain.get("core.autocrlf", "").lower()
    autocrlf = "input" if autocrlf == "input" else "true" if autocrlf in ("true", "yes", "on", "1") else ""
    if "core.autocrlf" in plain and autocrlf == "" and _get(git, "core.autocrlf", "bool") == "true":
        autocrlf = "true"  # `autocrlf` without a value
    file = plain.get("core.attributesfile", "")
    eol = "crlf" if plain.get("core.eol", "").lower() == "crlf" else ""
    return Settings(autocrlf, eol, os.path.expanduser(file), plain.get("lfs.storage", ""), filters)


def _get(git: Git, key: str, kind: str = "") -> str:
    done = git.run("config", *([f"--type={kind}"] if kind else []), "--get", key, check=False)
    return os.fsdecode(done.stdout.rstrip(b"\n"))


def _user_folders(environ: Mapping[str, str]) -> tuple[str, str]:
    home = environ.get("HOME") or os.path.expanduser("~")
    return home, os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
