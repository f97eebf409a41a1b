"""Runs a program under ptrace and kills at one exact effect of it: `python tracer.py PLAN.json WORD…`.

An effect is a system call that changes a file below one of the watched folders, starts a program, or talks to a socket, in
the program or in anything that it starts: git, tmux, the supervisor, the job. Each is named by who does it, what, and where
(`reprun:rename:REPO/.git/reprun/…`), with run ids, hashes and process ids taken out, and by how many of that name came before.

The plan: `watch` (name → folder), `record` (a file for the names of all effects), `kill` ("NAME#COUNT" or ""), `when` (before,
half: half of a write, after), `who` (launch: the program and its descendants; self: the process that does it; all: everything).
Says `killed`, and `ended STATUS` when the program has ended, and stays until all that it traces is over; whoever kills it
kills all of it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

from traced import family_of, plain, program_of, read_bytes, read_text, read_words, short_name

from reprun.runner import files

_TRACEME, _CONT, _CONT_SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO, _POKEUSER = 0, 7, 24, 0x4200, 0x420E, 6
_OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000  # TRACESYSGOOD FORK VFORK CLONE EXEC SECCOMP EXITKILL
_FORKS, _EXEC, _SECCOMP = {1, 2, 3}, 4, 7
_ENTRY, _EXIT, _CAUGHT = 1, 2, 3  # PTRACE_SYSCALL_INFO_*
_WALL = 0x40000000
_RDX = 12 * 8  # where PTRACE_POKEUSER finds the third argument, x86-64
_CWD = -100
_OPENAT, _CREATES, _TRUNCATES = 257, 0o100, 0o1000


class Call(NamedTuple):
    """How to read the arguments of a system call: which are (folder, path), which is a file, is it a write."""

    name: str
    folder: int | None = None
    path: int | None = None
    file: int | None = None


# fmt: off
CALLS = {  # x86-64
    2: Call("open", None, 0), 85: Call("creat", None, 0), _OPENAT: Call("open", 0, 1), 437: Call("open", 0, 1),
    1: Call("write", file=0), 18: Call("write", file=0), 20: Call("write", file=0), 326: Call("write", file=2),
    40: Call("write", file=0), 76: Call("truncate", None, 0), 77: Call("truncate", file=0),
    82: Call("rename", None, 1), 264: Call("rename", 2, 3), 316: Call("rename", 2, 3),
    86: Call("link", None, 1), 265: Call("link", 2, 3), 88: Call("symlink", None, 1), 266: Call("symlink", 1, 2),
    87: Call("unlink", None, 0), 263: Call("unlink", 0, 1), 84: Call("rmdir", None, 0),
    83: Call("mkdir", None, 0), 258: Call("mkdir", 0, 1),
    90: Call("chmod", None, 0), 91: Call("chmod", file=0), 268: Call("chmod", 0, 1), 452: Call("chmod", 0, 1),
    132: Call("utime", None, 0), 235: Call("utime", None, 0), 280: Call("utime", 0, 1),
    74: Call("fsync", file=0), 75: Call("fsync", file=0), 59: Call("exec", None, 0),
    42: Call("connect"), 46: Call("sendmsg", file=0),
}
# fmt: on

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def catch_only_calls() -> None:
    """A filter of this process and all that it starts: only the calls of the table stop it, and no file that is just read.

    Most of the time went into stops at which nothing was done. Where there are no such filters every call is stopped at.
    """
    load, is_equal, has_bit, answer, allow, trace = 0x20, 0x15, 0x45, 0x06, 0x7FFF0000, 0x7FF00000
    numbers = sorted(CALLS.keys() - {_OPENAT})
    last = len(numbers)
    lines = [(load, 0, 0, 0), (is_equal, 0, 2, _OPENAT)]  # the number of the call
    lines += [(load, 0, 0, 16 + 8 * 2), (has_bit, last + 1, last, _CREATES | _TRUNCATES)]  # the flags
    lines += [(is_equal, last - at, 0, number) for at, number in enumerate(numbers)]
    lines += [(answer, 0, 0, allow), (answer, 0, 0, trace)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(lines), ctypes.addressof(code)))
    set_seccomp, set_no_new_privileges = 22, 38
    for before in ((), (1, 0, 0, 0)):  # who is not root has to give up setuid for it
        if before:
            libc.prctl(set_no_new_privileges, *before)
        if libc.prctl(set_seccomp, 2, ctypes.c_void_p(ctypes.addressof(program)), 0, 0) == 0:
            return


def ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> int:
    """ptrace(2); raises `OSError`."""
    ctypes.set_errno(0)
    answer = int(libc.ptrace(request, pid, address, data))
    if answer == -1 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")
    return answer


class Tracer:
    """One traced program with all that it starts."""

    def __init__(self, plan: dict[str, Any], words: list[str]) -> None:
        self.plan = plan
        self.watch = sorted(((path, name) for name, path in plan["watch"].items()), key=lambda pair: -len(pair[0]))
        self.seen: dict[str, int] = {}
        self.record: list[str] = []
        self.programs: dict[int, str] = {}  # by process
        self.groups: dict[int, int] = {}  # thread → process
        self.pending: dict[int, str] = {}  # threads in a call after which to kill
        self.known: set[int] = set()
        self.go_on = _CONT_SYSCALL  # until the filter is seen at work
        self.root = self._start(words)

    def _start(self, words: list[str]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                ptrace(_TRACEME, 0)
                os.kill(os.getpid(), signal.SIGSTOP)
                catch_only_calls()
                os.execvp(words[0], words)
            finally:
                os._exit(127)
        os.waitpid(pid, 0)
        ptrace(_SETOPTIONS, pid, 0, _OPTIONS)
        self.known.add(pid)
        self.programs[pid] = "start"
        ptrace(_CONT_SYSCALL, pid)
        return pid

    def run(self) -> None:
        """Until nothing is left that is traced."""
        while True:
            try:
                pid, status = os.waitpid(-1, _WALL)
            except ChildProcessError:
                self.save()
                return
            if os.WIFSTOPPED(status):
                number = self._stopped(pid, status)
                try:
                    ptrace(_CONT_SYSCALL if pid in self.pending else self.go_on, pid, 0, number)
                except OSError:
                    pass  # killed meanwhile
            elif pid == self.root:
                self.say(f"ended {os.waitstatus_to_exitcode(status)}")

    def say(self, what: str) -> None:
        """A line for whoever waits."""
        self.save()
        os.write(1, what.encode() + b"\n")

    def save(self) -> None:
        """Writes the names of the effects so far."""
        Path(self.plan["record"]).write_text("".join(name + "\n" for name in self.record))

    def _stopped(self, pid: int, status: int) -> int:
        """Looks at a stop; the signal to go on with."""
        number, event = os.WSTOPSIG(status), status >> 16
        if number == signal.SIGTRAP | 0x80:
            self._system_call(pid)
            return 0
        if event == _SECCOMP and self.go_on == _CONT:
            self._system_call(pid)
            return 0
        if event == _SECCOMP:  # the first one, which was seen when it was entered
            self.go_on = _CONT
            return 0
        if event in _FORKS:
            return 0
        if event == _EXEC:
            self.programs[pid] = program_of(pid)
            return 0
        if number == signal.SIGSTOP and pid not in self.known:
            self.known.add(pid)
            return 0
        return 0 if event else number

    def _system_call(self, pid: int) -> None:
        info = ctypes.create_string_buffer(88)
        try:
            ptrace(_GET_SYSCALL_INFO, pid, 88, ctypes.addressof(info))
        except OSError:
            return
        if info.raw[0] == _EXIT:
            if self.pending.pop(pid, ""):
                self._kill(pid)
            return
        if info.raw[0] not in (_ENTRY, _CAUGHT):
            return
        number, *arguments = struct.unpack_from("<7Q", info.raw, 24)
        call = CALLS.get(number)
        if call is None:
            return
        try:
            where = self._where(pid, call, arguments)
        except OSError:
            return
        if where is not None:
            self._effect(pid, f"{self._program(pid)}:{call.name}:{where}", arguments[2] if call.name == "write" else 0)

    def _effect(self, pid: int, name: str, size: int) -> None:
        self.seen[name] = self.seen.get(name, 0) + 1
        name = f"{name}#{self.seen[name]}"
        self.record.append(name)
        if name != self.plan.get("kill"):
            return
        if self.plan["when"] == "before":
            self._kill(pid)
            return
        if self.plan["when"] == "half" and size > 1:
            ptrace(_POKEUSER, pid, _RDX, size // 2)
        self.pending[pid] = name

    def _kill(self, pid: int) -> None:
        group = self._group(pid)
        whom = {"self": [group], "launch": family_of(self.root), "all": sorted({self._group(one) for one in self._tracees()})}
        for one in whom[self.plan["who"]]:
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.plan["kill"] = ""
        self.say("killed")

    def _tracees(self) -> list[int]:
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and f"TracerPid:\t{os.getpid()}\n" in files.read_text(f"/proc/{name}/status"):
                found.append(int(name))
        return found

    def _group(self, pid: int) -> int:
        if pid not in self.groups:
            found = re.search(r"^Tgid:\t([0-9]+)$", files.read_text(f"/proc/{pid}/status"), re.MULTILINE)
            self.groups[pid] = int(found[1]) if found else pid
        return self.groups[pid]

    def _program(self, pid: int) -> str:
        group = self._group(pid)
        if group not in self.programs:
            self.programs[group] = program_of(group)
        return self.programs[group]

    def _where(self, pid: int, call: Call, arguments: list[int]) -> str | None:
        """The place of the effect with all that differs from launch to launch taken out; None when it is none of ours."""
        if call.name == "exec":
            return short_name(read_words(pid, arguments[1])) if os.access(read_text(pid, arguments[0]), os.X_OK) else None
        if call.name == "connect":
            return "socket" if read_bytes(pid, arguments[1], 2) == b"\x01\0" else None
        if call.name == "sendmsg":
            return "socket"
        if call.file is not None:
            path = os.readlink(f"/proc/{pid}/fd/{arguments[call.file]}").removesuffix(" (deleted)")
        else:
            assert call.path is not None
            path = read_text(pid, arguments[call.path])
            folder = ctypes.c_int(arguments[call.folder] & 0xFFFFFFFF).value if call.folder is not None else _CWD
            base = os.readlink(f"/proc/{pid}/cwd" if folder == _CWD else f"/proc/{pid}/fd/{folder}")
            path = os.path.normpath(os.path.join(base, path))
        if call.name == "open" and not self._makes(path, arguments[2 if call.folder is not None else 1]):
            return None
        if call.name == "utime" and "/objects/" in path:
            return None  # git marks an object as used
        for folder_path, name in self.watch:
            if path == folder_path or path.startswith(folder_path + "/"):
                return name + plain(path[len(folder_path) :])
        return None

    @staticmethod
    def _makes(path: str, flags: int) -> bool:
        return bool(flags & _TRUNCATES) or (bool(flags & _CREATES) and not os.path.lexists(path))


if __name__ == "__main__":
    Tracer(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]).run()
