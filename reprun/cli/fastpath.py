"""Completion of run ids before anything slow is imported: a key press must not wait for Typer.

Speaks the protocol of Typer's completion scripts (variables in, lines out, for each shell) where the word
being completed names a run, and leaves the rest to Typer. Its imports are few: not even `re` or `typing`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own constant costs the import of typing
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COMPLETE_VARIABLE = "_REPRUN_COMPLETE"
# The commands whose words are runs, and those of their options after which the next word is a value.
RUN_COMMANDS = frozenset({"resume", "reproduce", "show", "logs", "attach", "stop", "wait", "pull", "diff", "noise"})
VALUE_OPTIONS = frozenset(
    {"--grace", "--lines", "-n", "--repeats", "--on", "--pack", "--tolerance", "--outputs", "--max-size", "--to"}
)
MOST = 50
_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.+")
_IDS = "SELECT run_id FROM runs WHERE run_id >= ? AND run_id < ? ORDER BY run_id DESC LIMIT ?"
# One step through the index for each name, however many runs share it.
_NAMES = """WITH RECURSIVE each(name) AS (
  SELECT (SELECT name FROM runs WHERE name >= ? AND name > '' ORDER BY name LIMIT 1)
  UNION ALL
  SELECT (SELECT name FROM runs WHERE runs.name > each.name ORDER BY name LIMIT 1)
  FROM each WHERE each.name IS NOT NULL
) SELECT name FROM each WHERE name IS NOT NULL LIMIT ?"""


def complete(environ: Mapping[str, str]) -> bool:
    """Answers the shell and returns True when the word being completed names a run; False leaves it to Typer.

    Fish asks first whether there is anything to offer; the answer to that is the exit status (`SystemExit`).
    """
    shell = environ.get(COMPLETE_VARIABLE, "")
    try:
        words = _bash_words(environ) if shell == "complete_bash" else _line_words(shell, environ)
    except (LookupError, ValueError):
        return False
    if not words or not _wants_run(words[1:-1], words[-1]):
        return False
    try:
        found = find_candidates(words[-1], find_common_dir(environ, os.getcwd()))
    except (OSError, ValueError):  # no folder here any more, a .git that is not text, …
        found = []
    _answer(shell, found, environ)
    return True


def find_candidates(start: str, common_dir: str) -> list[str]:
    """The newest run ids that begin with `start`, such names, and `@last`; none without a readable index."""
    import sqlite3

    path = os.path.join(common_dir, "reprun", "index.sqlite")
    if not common_dir or not os.path.isfile(path):
        return []
    spelled = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        # No waiting for a writer: an answer that is late is worse than none.
        db = sqlite3.connect(f"file://{spelled}?mode=ro", uri=True, timeout=0.05)
        ids = [run_id for (run_id,) in db.execute(_IDS, (start, f"{start}~", MOST))]
        names = [name for (name,) in db.execute(_NAMES, (start, MOST))]
    except sqlite3.Error:
        return []
    # Names may come from a stranger, and zsh evaluates what it is told: only plain ones are offered.
    plain = [name for name in names if name.startswith(start) and is_plain(name)]
    return ids + plain + ["@last"] * "@last".startswith(start)


def is_plain(name: str) -> bool:
    """True for a name that no shell takes for anything else."""
    return _PLAIN.issuperset(name)


def find_common_dir(environ: Mapping[str, str], cwd: str) -> str:
    """The Git directory shared by all worktrees of the repository at `cwd`, found without Git; or empty."""
    if environ.get("GIT_COMMON_DIR"):
        return os.path.join(cwd, environ["GIT_COMMON_DIR"])
    git_dir = os.path.join(cwd, environ["GIT_DIR"]) if environ.get("GIT_DIR") else _find_git_dir(cwd)
    shared = _read_line(os.path.join(git_dir, "commondir")) if git_dir else ""
    return os.path.normpath(os.path.join(git_dir, shared)) if git_dir else ""


def _find_git_dir(folder: str) -> str:
    while True:
        path = os.path.join(folder, ".git")
        if os.path.isdir(path):
            return path
        pointer = _read_line(path)  # a linked worktree or a submodule: `gitdir: <path>`
        if pointer.startswith("gitdir:"):
            return os.path.join(folder, pointer[7:].strip())
        parent = os.path.dirname(folder)
        if parent == folder:
            return ""
        folder = parent


def _read_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\n")
    except OSError:
        return ""


def _bash_words(environ: Mapping[str, str]) -> list[str]:
    """The words up to the cursor. Bash also breaks them at `@` and `=`; those are put together again."""
    broken = environ["COMP_WORDS"].split("\n")
    at = int(environ["COMP_CWORD"])
    words: list[str] = []
    is_open = False  # the next piece belongs to the last word
    for piece in [*broken, ""][: at + 1]:
        if words and (is_open or piece == "="):
            words[-1] += piece
            is_open = piece == "="
        else:
            words.append(piece)
            is_open = piece == "@"
    words[-1] = words[-1].lstrip("'\"")
    return words


def _line_words(shell: str, environ: Mapping[str, str]) -> list[str]:
    """The words of the line that zsh and fish hand over; none when it is quoted, which Typer can read."""
    line = environ.get("_TYPER_COMPLETE_ARGS", "")
    if shell not in ("complete_zsh", "complete_fish") or any(char in line for char in "'\"\\"):
        return []
    words = line.split()
    return [*words, ""] if line[-1:].isspace() else words


def _wants_run(before: Iterable[str], word: str) -> bool:
    """True when `word`, which follows the words `before` of the command line, names a run."""
    command, takes_value, is_literal = "", False, False
    for earlier in before:
        if takes_value:
            takes_value = False
        elif earlier == "--" and not is_literal:
            is_literal = True
        elif earlier.startswith("-") and not is_literal:
            takes_value = earlier in VALUE_OPTIONS
        elif not command:
            command = earlier
    return command in RUN_COMMANDS and not takes_value and (is_literal or not word.startswith("-"))


def _answer(shell: str, found: list[str], environ: Mapping[str, str]) -> None:
    if shell == "complete_fish" and environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
        raise SystemExit(0 if found else 1)
    lines = "\n".join(found)
    if shell == "complete_zsh" and found:
        quoted = "\n".join(f'"{word}"' for word in found)
        lines = f"_arguments '*: :(({quoted}))'"
    if lines:
        sys.stdout.write(lines + "\n")
