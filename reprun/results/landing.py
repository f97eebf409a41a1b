"""The folder on this machine in which files of a run arrive: aside first, renamed when their hash is right.

The names come from a host. Folders are opened one by one below the folder's own descriptor and no link is followed on the way, so
whatever a host says, nothing is written outside.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress

from reprun.core.errors import RefusedError
from reprun.core.text import show
from reprun.results.choosing import Remote
from reprun.system.files import ensure_dir, explained, find_bytes, list_dir, remove_tree, write_atomic

_ASIDE = ".arriving"
_BLOCK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Landing:
    """Opens the folder `top` for the files of one run. Raises `RefusedError` for one that holds anything else."""

    def __init__(self, top: str, run_id: str) -> None:
        self.top = os.path.abspath(top)
        self.aside = os.path.join(self.top, _ASIDE)
        self._check(run_id)
        with explained(self.top, "written"):
            ensure_dir(self.aside)
            write_atomic(os.path.join(self.aside, "run"), run_id.encode(), durable=False)
            self.fd = os.open(self.top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self.aside_fd = os.open(self.aside, _FOLDER)
        self._opened: list[tuple[list[bytes], int]] = []  # the last folder

    def _check(self, run_id: str) -> None:
        """A folder of somebody else's files is left alone: names of ours could be there too."""
        names = list_dir(self.top) if os.path.isdir(self.top) else []
        if not names or (find_bytes(os.path.join(self.aside, "run")) or b"") == run_id.encode():
            return
        text = find_bytes(os.path.join(self.top, "manifest.toml")) or b""
        if f'\nrun_id = "{run_id}"\n'.encode() not in text:
            raise RefusedError(
                f"{show(self.top)} holds other files than those of {run_id}", hint=f"reprun pull {run_id} --to A-NEW-FOLDER"
            )

    def is_here(self, item: Remote) -> bool:
        """True when this very file was brought before: same size, same time of change."""
        try:
            found = os.stat(_name(item), dir_fd=self._open(item), follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == (item.size, item.mtime_ns)

    def arrived(self, item: Remote) -> int:
        """How many bytes of a file lie aside: those of which `begin` makes use."""
        try:
            size = os.stat(_aside(item), dir_fd=self.aside_fd, follow_symlinks=False).st_size
        except OSError:
            return 0
        return size if size <= item.size else 0

    def begin(self, item: Remote) -> Arrival:
        """The file as far as it has come: what an interrupted transfer left is gone on with."""
        return Arrival(self, item)

    def link(self, item: Remote) -> None:
        """Makes a link, of which it is known that it stays inside. Raises `OSError` when something is in the way."""
        folder, aside = self._open(item), f"link.{os.getpid()}"
        with suppress(FileNotFoundError):
            os.unlink(aside, dir_fd=self.aside_fd)
        os.symlink(item.link.encode("latin-1"), aside, dir_fd=self.aside_fd)
        os.rename(aside, _name(item), src_dir_fd=self.aside_fd, dst_dir_fd=folder)

    def place(self, aside: str, item: Remote) -> None:
        """Puts a file that is whole where it belongs. Raises `OSError` when something is in the way."""
        os.utime(aside, ns=(item.mtime_ns, item.mtime_ns), dir_fd=self.aside_fd, follow_symlinks=False)
        os.rename(aside, _name(item), src_dir_fd=self.aside_fd, dst_dir_fd=self._open(item))

    def close(self, complete: bool) -> None:
        """Ends it; when all is `complete`, what lies aside goes too."""
        for fd in (self.fd, self.aside_fd, *(fd for _, fd in self._opened)):
            os.close(fd)
        if complete:
            remove_tree(self.aside)

    def _open(self, item: Remote) -> int:
        """The folder of a file, made where it is missing, as a descriptor that stays open until another folder's turn comes.
        Raises `OSError` for a link or a file in its place."""
        parts = item.name.encode("latin-1").split(b"/")[:-1]
        if not self._opened or self._opened[0][0] != parts:
            fd = self._descend(parts)
            while self._opened:
                os.close(self._opened.pop()[1])
            self._opened.append((parts, fd))
        return self._opened[0][1]

    def _descend(self, parts: list[bytes]) -> int:
        folder = os.dup(self.fd)
        try:
            for part in parts:
                if part in (b"", b".", b".."):
                    raise NotADirectoryError(20, "is no name of a folder", os.fsdecode(part))
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=folder)
                below = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
        except BaseException:
            os.close(folder)
            raise
        return folder


class Arrival:
    """One file on its way. `offset` is how much of it is here; `add` takes what comes next, `finish` puts it in place."""

    def __init__(self, landing: Landing, item: Remote) -> None:
        self.landing, self.item = landing, item
        self.name = _aside(item)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(self.name, flags, 0o600, dir_fd=landing.aside_fd)
        self.digest = hashlib.sha256()
        self.offset = 0
        while block := os.read(self.fd, _BLOCK):
            self.digest.update(block)
            self.offset += len(block)
        if self.offset > item.size:
            self.restart()

    def add(self, data: bytes | memoryview) -> None:
        """Takes the next bytes; more than the file has are dropped."""
        left = memoryview(data)[: self.item.size - self.offset]
        self.digest.update(left)
        self.offset += len(left)
        while left:
            left = left[os.write(self.fd, left) :]

    def restart(self) -> None:
        """Forgets what came: it is not what the host has."""
        os.ftruncate(self.fd, 0)
        os.lseek(self.fd, 0, os.SEEK_SET)
        self.digest = hashlib.sha256()
        self.offset = 0

    def finish(self, sha256: str) -> bool:
        """True when the bytes are those of which the host has the digest; they are in place then."""
        if self.offset != self.item.size or self.digest.hexdigest() != sha256:
            return False
        self.landing.place(self.name, self.item)
        return True

    def close(self) -> None:
        """Leaves what came for the next time."""
        os.close(self.fd)


def _aside(item: Remote) -> str:
    """What the file is called until it is whole."""
    state = f"{item.name}\0{item.size}\0{item.mtime_ns}".encode()
    return f"{hashlib.sha256(state).hexdigest()[:32]}.part"


def _name(item: Remote) -> bytes:
    return item.name.encode("latin-1").rpartition(b"/")[2]
