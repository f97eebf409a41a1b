"""The guard: every file that a snapshot would add is looked at before an object is written.

Nothing secret or huge gets into the history by accident: it would stay there, and be pushed with the runs.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass
from reprun.core.guarded import Finding, Rules, is_allowed, is_secret_name, literal
from reprun.core.text import human_bytes, show
from reprun.repo.discover import Repository
from reprun.repo.listing import Additions, path_lines
from reprun.repo.tree_diff import Entry

_SHOWN = 20
_Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Added:
    """A file that a snapshot would add, `size` in bytes; `new` when HEAD does not have it."""

    path: str
    size: int
    new: bool


class Guard:
    """Looks at what a snapshot adds. `allowed` fills with what was found and let in by `[guard] allow`.

    `inner` are the submodules by where they lie (`libs/sub/`); `repository` can read their objects too.
    """

    def __init__(self, repository: Repository, rules: Rules, inner: Mapping[str, Repository] | None = None) -> None:
        self.repository = repository
        self.rules = rules
        self.inner = inner or {}
        self.allowed: dict[str, Finding] = {}
        self._seen: set[str] = set()

    def check(self, additions: Additions, new: Iterable[str]) -> None:
        """Looks at files of the dev tree, `new` those that are not in the index. Raises `RefusedError` with the list."""
        _refuse(self.repository.prefix, self.look(additions, new))

    def look(self, additions: Additions, new: Iterable[str]) -> list[Finding]:
        """As `check`, with the list as the answer."""
        untracked = set(new)
        self._seen |= additions.files.keys()
        added = [Added(path, found.st_size, path in untracked) for path, found in additions.files.items()]

        def read(path: str) -> bytes:
            is_file = stat.S_ISREG(additions.files[path].st_mode)
            return _read(os.path.join(self.repository.top, path), self.rules) if is_file else b""

        return self._judge(self._without_lfs(added), read)

    def _without_lfs(self, added: list[Added]) -> list[Added]:
        """The files that get into the history: of what Git LFS keeps, only a pointer does."""
        git, rules = self.repository.git, self.rules
        fine = sum(file.size for file in added) <= rules.max_total and all(file.size <= rules.max_file for file in added)
        if fine or "filter.lfs.process" not in git.settings:
            return added
        asked = path_lines(file.path for file in added)
        said = git.run("check-attr", "-z", "--stdin", "filter", stdin=asked).stdout.split(b"\0")
        kept = {os.fsdecode(path) for path, value in zip(said[0::3], said[2::3], strict=False) if value == b"lfs"}
        return [file for file in added if file.path not in kept or is_secret_name(file.path)]

    def check_staged(self, entries: Iterable[Entry], untracked: Iterable[str]) -> None:
        """Looks at what differs from HEAD only because the user has staged it: its objects are there, but under no ref yet."""
        known = set(untracked)
        staged = [entry for entry in entries if entry.kind != "D" and entry.mode != "160000" and entry.path not in self._seen]
        names = [e.path for e in entries if e.kind == "A" and e.path in self._seen and e.path not in known]
        named = [Added(path, _size(self.repository.top, path), True) for path in names]
        if not staged and not named:
            return
        from reprun.repo.blobs import find_sizes, read_blobs

        sizes = find_sizes(self.repository.git, [entry.blob for entry in staged])
        added = [Added(entry.path, sizes[entry.blob], entry.kind == "A") for entry in staged]
        small = [e for e in staged if sizes[e.blob] <= self.rules.max_file and e.mode != "120000"]
        contents = read_blobs(self.repository.git, [entry.blob for entry in small])
        data = {entry.path: content or b"" for entry, content in zip(small, contents, strict=True)}
        _refuse(self.repository.prefix, self._judge([*added, *named], lambda path: data.get(path, b"")))

    def _judge(self, added: list[Added], read: _Reader) -> list[Finding]:
        stopped = []
        alone = list(_alone(added, read, self.rules, self._before))
        # What is stopped by itself is ignored or allowed next, and counts no more in either case.
        by_itself = {finding.path for finding in alone}
        rest = [file for file in added if file.path not in by_itself] if alone else added
        for finding in (*alone, *_together(rest, self.rules)):
            if is_allowed(finding.path, self.rules.allow):
                self.allowed[finding.path] = finding
            else:
                stopped.append(finding)
        return stopped

    def _before(self, path: str) -> bytes:
        """HEAD's version of a file."""
        prefix = max((prefix for prefix in self.inner if path.startswith(prefix)), key=len, default="")
        owner, inside = self.inner.get(prefix, self.repository), path[len(prefix) :]
        return owner.git.run("cat-file", "blob", f"{owner.head}:{inside}", check=False).stdout if owner.head else b""


def _alone(added: Iterable[Added], read: _Reader, rules: Rules, before: _Reader) -> Iterator[Finding]:
    """What is wrong with a file by itself: its size, its name, or its content."""
    for file in added:
        reason = ""
        if file.size > rules.max_file:
            reason = f"bigger than {human_bytes(rules.max_file)}"
        elif file.new and is_secret_name(file.path):
            reason = "a file of this name usually holds secrets"
        elif file.size:
            reason = _secret_in(file, read(file.path), before)
        if reason:
            yield Finding(file.path, file.size, reason, file.new)


def _secret_in(file: Added, data: bytes, before: _Reader) -> str:
    """Which line looks like a secret. What HEAD's version says as well was committed knowingly, and is no news."""
    from reprun.repo.secrets import find_secrets

    found = find_secrets(file.path, data)
    if not found:
        return ""
    known = set() if file.new else {secret.digest for secret in find_secrets(file.path, before(file.path))}
    news = [secret for secret in found if secret.digest not in known]
    return f"line {news[0].line} looks like a secret ({news[0].what})" if news else ""


def _together(added: list[Added], rules: Rules) -> Iterator[Finding]:
    """What is too much of many files that are fine one by one. What is allowed does not count."""
    if sum(file.size for file in added) <= rules.max_total and len(added) <= rules.max_new_files:
        return
    counted = [file for file in added if not is_allowed(file.path, rules.allow)]
    total = sum(file.size for file in counted)
    if total > rules.max_total:
        reason = f"{human_bytes(total)} together, more than {human_bytes(rules.max_total)}"
        for file in sorted(counted, key=lambda file: -file.size)[:_SHOWN]:
            if total <= rules.max_total:
                break  # without those that were named, the others are fine
            yield Finding(file.path, file.size, reason, file.new)
            total -= file.size
    new = [file for file in counted if file.new]
    if len(new) > rules.max_new_files:
        folders: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for file in new:
            top = file.path.partition("/")[0] + "/" * ("/" in file.path)
            folders[top] += 1
            sizes[top] += file.size
        for top, count in folders.most_common(_SHOWN):
            yield Finding(top, sizes[top], f"{count:,} of {len(new):,} new files, more than {rules.max_new_files:,}", True)


def _refuse(prefix: str, findings: list[Finding]) -> None:
    """Raises the list with sizes and reasons, and the lines for `.gitignore` and for `[guard] allow`."""
    if not findings:
        return
    shown = findings[:_SHOWN]
    width = min(60, max(len(show(finding.path)) for finding in shown))
    rows = [f"  {show(f.path).ljust(width)}  {human_bytes(f.size):>9}  {f.reason}" for f in shown]
    if len(findings) > _SHOWN:
        rows.append(f"  … and {len(findings) - _SHOWN:,} more")
    count = "1 file looks" if len(findings) == 1 else f"{len(findings):,} files look"
    message = f"{count} too secret or too big for the history, so nothing was committed:\n" + "\n".join(rows)
    raise RefusedError(message, hint=_hint(prefix, findings))


def _hint(prefix: str, findings: list[Finding]) -> str:
    """Both ways on. For a long list, the folders that the files are in."""

    def some(paths: Iterable[str]) -> list[str]:
        found = list(paths)
        tops = dict.fromkeys(path.partition("/")[0] + "/" * ("/" in path) for path in found)
        return found if len(found) <= _SHOWN else list(tops)

    hints = []
    new = some(finding.path for finding in findings if finding.new)
    if new:
        from reprun.repo.ignoring import ignore_command

        hints.append(ignore_command(prefix, new))
        hints.append('       (a job that needs an ignored file gets it by carry = ["…"] in reprun.toml)')
    import json

    allow = json.dumps([literal(path) for path in some(finding.path for finding in findings)], ensure_ascii=False)
    hints.append(f"{'       or ' * bool(new)}let them in, in reprun.toml:\n       [guard]\n       allow = {allow}")
    return "\n".join(hints)


def _read(path: str, rules: Rules) -> bytes:
    """The content, where its size is fine; what cannot be read is git's to complain about."""
    try:
        # A pipe that takes the place of the file meanwhile must not hold us up.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOFOLLOW)) as file:
            data = file.read(rules.max_file + 1)
    except OSError:
        return b""
    return data if len(data) <= rules.max_file else b""


def _size(top: str, path: str) -> int:
    try:
        return os.lstat(os.path.join(top, path)).st_size
    except OSError:
        return 0
