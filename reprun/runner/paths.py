"""Every path that reprun keeps on a host, spelled once."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False  # typing takes 4 ms to import, before the job's first instruction
if TYPE_CHECKING:
    from typing import Mapping, Optional

_SHARED = "/tmp/reprun-%d"  # noqa: S108  # as tmux does it; `check_socket` looks at its owner
_NETWORK = frozenset(
    b"nfs nfs4 cifs smb3 smbfs lustre gpfs beegfs ceph afs 9p virtiofs panfs orangefs glusterfs ocfs2 gfs2 pvfs2 wekafs".split()
)
_LONGEST_SOCKET = 100  # Unix sockets allow 107 bytes


def home(environ: Optional[Mapping[str, str]] = None) -> str:
    """`$REPRUN_HOME`, or `~/.local/share/reprun`: absolute, links resolved."""
    env = os.environ if environ is None else environ
    return os.path.realpath(env.get("REPRUN_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share", "reprun"))


def own_runner() -> str:
    """The folder that this runner was unpacked into, or where it is installed."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def job_paths(env: Mapping[str, str], watch: bool) -> str:
    """What PYTHONPATH of a job is: its own, and behind it the folder with `reprun_job` and nothing else. The watch of its
    randomness comes first: the interpreter loads one `sitecustomize`, which hands on to the other."""
    folder = os.path.dirname(os.path.abspath(__file__))
    parts = [os.path.join(folder, "watch")] if watch else []
    own = env.get("PYTHONPATH")  # an empty part would be the current folder
    return os.pathsep.join([*parts, *([own] if own else []), os.path.join(folder, "injob")])


def shared_folder() -> str:
    """A folder of this user with a short path, for sockets; `check_socket` makes it."""
    return _SHARED % os.getuid()


def is_on_network(path: str, mounts: str = "/proc/self/mounts") -> bool:
    """True when other hosts may see the folder too, by the kind of its file system."""
    try:
        with open(mounts, "rb") as file:
            lines = [line.split(b" ") for line in file]
    except OSError:
        return False
    name, longest, kind = os.fsencode(path) + b"/", b"", b""
    for parts in lines:
        if len(parts) > 2:
            place = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), parts[1]).rstrip(b"/") + b"/"
            if name.startswith(place) and len(place) >= len(longest):  # a later mount covers an earlier one
                longest, kind = place, parts[2]
    return kind.startswith(b"fuse.") or kind in _NETWORK


class Home:
    """The folders below `$REPRUN_HOME`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.runs = os.path.join(root, "runs")
        self.repos = os.path.join(root, "repos")
        self.worktrees = os.path.join(root, "worktrees")
        self.cache = os.path.join(root, "cache")
        self.runners = os.path.join(root, "runners")  # spelled in bootstrap.py too, which comes before this
        self.envs = os.path.join(root, "envs")
        self.packages = os.path.join(root, "pkgs")
        self.tools = os.path.join(root, "tools")
        self.frozen = os.path.join(root, "frozen")

    def prefix(self, digest: str) -> str:
        """The environment of a plan. Its name is short, for many programs say where they are in their first line."""
        return os.path.join(self.envs, digest[:32])

    def run(self, run_id: str) -> "RunDir":
        """The folder of one run."""
        return RunDir(os.path.join(self.runs, run_id))

    def store(self, key: str) -> str:
        """The bare repository for the dev repository `key`."""
        return os.path.join(self.repos, key + ".git")

    def trees(self, key: str) -> str:
        """The folder of the worktrees of the dev repository `key`, one for each commit."""
        return os.path.join(self.worktrees, key)

    def queue(self) -> str:
        """The folder of this machine's queue: on a disk that other machines share, one for each."""
        folder = os.path.join(self.root, "queue")
        if not is_on_network(self.root):
            return folder
        from reprun.runner.files import read_text

        return os.path.join(folder, read_text("/etc/machine-id").strip() or os.uname().nodename)

    def socket(self) -> str:
        """The tmux socket of this home. A home with a long path gets one elsewhere, and so does one on a disk that other hosts
        may share: a socket leads to a server on one host only, whoever else sees its name."""
        from reprun.runner.digests import sha256

        direct = os.path.join(self.root, "tmux.sock")
        if is_on_network(self.root):
            here = os.fsencode("%s\0%s" % (os.uname().nodename, self.root))
            return os.path.join(shared_folder(), "reprun-%s.sock" % sha256(here).hexdigest()[:12])
        if len(os.fsencode(direct)) <= _LONGEST_SOCKET:
            return direct
        name = "reprun-%s.sock" % sha256(os.fsencode(self.root)).hexdigest()[:12]
        places = [os.environ.get("XDG_RUNTIME_DIR", ""), os.path.join(os.path.expanduser("~"), ".cache")]
        for place in places:
            path = os.path.join(place, name)
            if place and len(os.fsencode(path)) <= _LONGEST_SOCKET:
                return path
        # tmux's own way: a folder of this user in /tmp, whose owner is checked before it is used (see `check_socket`).
        return os.path.join(shared_folder(), name)


def check_socket(path: str) -> None:
    """Makes the folder of the socket, 0700; raises `OSError` for one that belongs to somebody else or is a link."""
    folder = os.path.dirname(path)
    if folder != shared_folder():
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        found = os.lstat(folder)
        if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
            raise PermissionError(1, "belongs to another user", folder) from None


class RunDir:
    """The files of one run. `started.json` is gone once `outcome.json` is there; `launch.json` once the job has started."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.run_id = os.path.basename(path)
        self.manifest = os.path.join(path, "manifest.toml")
        self.launch = os.path.join(path, "launch.json")
        self.started = os.path.join(path, "started.json")
        self.outcome = os.path.join(path, "outcome.json")
        self.stop = os.path.join(path, "stop.json")
        self.output = os.path.join(path, "output")
        self.stdout = os.path.join(path, "stdout.log")
        self.stderr = os.path.join(path, "stderr.log")
        self.metrics = os.path.join(path, "metrics.jsonl")
        self.events = os.path.join(path, "events.jsonl")
        self.tree = os.path.join(path, "tree")
        self.held = os.path.join(path, "held")  # says why the queue must not start it, see queue_hold.py

    def claim(self, generation: int) -> str:
        """The claim link; a generation after the first is a takeover from an owner that died before the start."""
        return os.path.join(self.path, "claim" if generation == 1 else "claim.%d" % generation)
