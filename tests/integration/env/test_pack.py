"""Packs of environments: the same bytes whoever makes one, never half of one, and nothing wrong comes out of one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import until

from reprun.core.errors import RefusedError, ReprunError, ToolError, UsageError
from reprun.env.pack import Contents, write_pack
from reprun.env.unpack import unpack
from reprun.runner.env_archives import find_archive
from reprun.runner.env_fetch import find_source
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

DATA = {"a-1-0.conda": b"the first", "b-1-0.tar.bz2": b"x" * 1500, "c-1-py3-none-any.whl": b""}


def quiet(text: str) -> None:
    """Nobody hears."""


def store(home: Home, data: bytes) -> tuple[str, int]:
    """Puts an archive among the packages."""
    oid = hashlib.sha256(data).hexdigest()
    path = Path(object_path(home.packages, oid))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return oid, len(data)


def contents(home: Home) -> Contents:
    """What would be packed; of the second package the lock knows only the MD5."""
    packages, archives = [], []
    for file, data in DATA.items():
        oid, size = store(home, data)
        archives.append((oid, size))
        md5 = hashlib.md5(data).hexdigest()
        manager = "pip" if file.endswith(".whl") else "conda"
        sha256 = "" if file.startswith("b") else oid
        packages.append(
            {"manager": manager, "name": file[0], "version": "1", "file": file, "url": "u", "sha256": sha256, "md5": md5}
        )
    return Contents(b"the lock\n", {"digest": "d" * 64, "packages": packages}, archives, home.packages)


@pytest.fixture
def here(tmp_path: Path) -> Home:
    """A machine that has packages."""
    return Home(str(tmp_path / "here"))


@pytest.fixture
def there(tmp_path: Path) -> Home:
    """One that has none."""
    return Home(str(tmp_path / "there"))


def test_it_holds_everything_and_is_the_same_everywhere(here: Home, there: Home, tmp_path: Path) -> None:
    path = str(tmp_path / "packs" / "x.tar")
    what = contents(here)
    size = write_pack(path, what, quiet)
    assert size == os.path.getsize(path)
    found = unpack(path, there, quiet)
    assert (found.text, found.plan, found.packages, found.taken) == (what.lock, what.plan, 3, 3)
    for package in what.plan["packages"]:
        archive = find_archive(there, package)
        assert archive and Path(archive).read_bytes() == DATA[package["file"]]
        assert find_source(there, os.path.basename(archive)) == "the pack x.tar"
    assert unpack(path, there, quiet).taken == 0
    other = str(tmp_path / "y.tar")
    archives = list(reversed(what.archives))
    turned = {"packages": list(reversed(what.plan["packages"])), "digest": what.plan["digest"]}
    write_pack(other, Contents(what.lock, turned, archives, there.packages), quiet)
    assert tarfile.open(other).getnames() == tarfile.open(path).getnames()
    write_pack(other, Contents(what.lock, what.plan, what.archives, there.packages), quiet)
    assert Path(other).read_bytes() == Path(path).read_bytes()


def test_what_is_damaged_here_is_not_packed_and_no_file_of_the_user_is_replaced(here: Home, tmp_path: Path) -> None:
    what, path = contents(here), tmp_path / "x.tar"
    path.write_text("my thesis\n")
    with pytest.raises(UsageError, match="is there, and is no pack"):
        write_pack(str(path), what, quiet)
    assert path.read_text() == "my thesis\n"
    path.unlink()
    Path(object_path(here.packages, what.archives[0][0])).write_bytes(b"the worst")
    with pytest.raises(ToolError, match=r"a-1-0\.conda was damaged"):
        write_pack(str(path), what, quiet)
    assert os.listdir(tmp_path) == ["here"]


def test_what_a_killed_process_left_beside_a_pack_goes_and_nothing_else(here: Home, tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    left, other = tmp_path / f"x.tar.{process.pid}.tmp", tmp_path / f"x.tar.{os.getppid()}.tmp"
    left.touch()
    other.touch()
    until(lambda: not os.path.exists(f"/proc/{process.pid}"))
    write_pack(str(tmp_path / "x.tar"), contents(here), quiet)
    assert sorted(os.listdir(tmp_path)) == ["here", "x.tar", other.name]


def rebuilt(path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], object]) -> None:
    """Writes the pack anew, with something wrong in it."""
    with tarfile.open(path) as archive:
        members = [(one, archive.extractfile(one).read()) for one in archive]  # type: ignore[union-attr]
    change(members)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))


def with_head(**more: Any) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], object]:
    """Changes fields of pack.json."""

    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        head = json.loads(members[1][1])
        head.update({name: value(head) if callable(value) else value for name, value in more.items()})
        members[1] = (members[1][0], json.dumps(head).encode())

    return change


def renamed(at: int, name: str) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], object]:
    """Gives a member another name."""
    return lambda members: setattr(members[at][0], "name", name)


def link(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """A link in the place of a package."""
    members[3][0].type, members[3][0].linkname = tarfile.SYMTYPE, "/etc/passwd"


def grown(row: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The first package with other fields."""
    return [{**row["packages"][0], **more}, *row["packages"][1:]]


HOSTILE: dict[str, tuple[Callable[[list[tuple[tarfile.TarInfo, bytes]]], object], str]] = {
    "a path out": (renamed(3, "../../x"), r"it has \.\./\.\./x where"),
    "an absolute path": (renamed(3, "/tmp/x"), "it has /tmp/x where"),
    "a long name": (renamed(3, "packages/" + "y" * 300), "is no plain file"),
    "a link": (link, "is no plain file"),
    "twice the same": (lambda members: members.append(members[3]), "there is more in it"),
    "another order": (lambda members: members.insert(3, members.pop()), "it has packages/.* where"),
    "one is missing": (lambda members: members.pop(), "it has nothing where"),
    "other bytes": (
        lambda members: members.__setitem__(3, (members[3][0], members[3][1][:-1] + b"?")),
        "is not what it is called",
    ),
    "another size": (lambda members: members.__setitem__(3, (members[3][0], members[3][1] + b"?")), "has another size"),
    "another lock": (lambda members: members.__setitem__(2, (members[2][0], b"?")), "its lock is not"),
    "no JSON": (lambda members: members.__setitem__(1, (members[1][0], b"[" * 100_000)), "cannot be read"),
    "another format": (with_head(format=2), "of format 2"),
    "no plan": (with_head(plan=None), "its list of packages is wrong"),
    "a name with a path": (with_head(packages=lambda head: grown(head, file="../x.conda")), "cannot be read"),
    "a negative size": (with_head(packages=lambda head: grown(head, size=-1)), "its list of packages is wrong"),
    "a size that is none": (with_head(packages=lambda head: grown(head, size=True)), "its list of packages is wrong"),
    "a hash that is none": (with_head(packages=lambda head: grown(head, sha256="../../" + "0" * 58)), "cannot be read"),
    "another MD5": (with_head(packages=lambda head: grown(head, md5="0" * 32)), "has another MD5"),
    "one is listed twice": (with_head(packages=lambda head: head["packages"][:1] * 2), "its list of packages is wrong"),
    "a package that is a number": (with_head(packages=[7]), "cannot be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pack_is_refused_and_nothing_of_it_is_kept_but_right_packages(
    here: Home, there: Home, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "x.tar"
    write_pack(str(path), contents(here), quiet)
    change, why = HOSTILE[name]
    rebuilt(path, change)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(RefusedError, match=why):
        unpack(str(path), there, quiet)
    assert sorted({*os.listdir(tmp_path), "there"}) == sorted({*before, "there"})
    kept = [path for path in Path(there.packages).rglob("*") if path.is_file() and path.parent.name not in ("sources", "md5")]
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in kept)


def test_every_pack_that_is_cut_off_and_any_other_file_is_refused(here: Home, there: Home, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write_pack(str(path), contents(here), quiet)
    whole = path.read_bytes().rstrip(b"\0")
    end = len(whole) + -len(whole) % 512
    for length in [*range(0, end, 499), end, end + 511]:
        path.write_bytes((whole + bytes(1024))[:length])
        with pytest.raises(RefusedError, match=r"it is cut off|is no tar file"):
            unpack(str(path), there, quiet)
    for data in (b"\0" * 512, b"x" * 5000, b"\xff" * 512):
        path.write_bytes(data)
        with pytest.raises(RefusedError, match="no pack that can be used"):
            unpack(str(path), there, quiet)
    with pytest.raises(UsageError, match="is no file"):
        unpack(str(tmp_path), there, quiet)


def test_a_sparse_file_does_not_fill_the_disk_and_large_texts_not_the_memory(here: Home, there: Home, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write_pack(str(path), contents(here), quiet)
    with open(path, "r+b") as file:
        header = tarfile.TarInfo("README.txt")
        header.size = 1 << 32
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(1 << 33)
    with pytest.raises(RefusedError, match=r"its README\.txt is too large"):
        unpack(str(path), there, quiet)


@pytest.mark.needs("mount")
def test_a_full_disk_leaves_no_half_pack_and_no_half_package(here: Home, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    path = tmp_path / "x.tar"
    what = contents(here)
    oid, size = store(here, os.urandom(3 << 20))
    packages = [*what.plan["packages"], {"manager": "conda", "name": "d", "version": "1", "file": "d-1-0.conda", "sha256": oid}]
    large = Contents(what.lock, {**what.plan, "packages": packages}, [*what.archives, (oid, size)], here.packages)
    write_pack(str(path), large, quiet)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(small)], check=True)
    try:
        with pytest.raises(ToolError, match="No space left on device") as full:
            write_pack(str(small / "x.tar"), large, quiet)
        assert full.value.hint and os.listdir(small) == []
        with pytest.raises(ReprunError, match="No space left on device"):
            unpack(str(path), Home(str(small)), quiet)
        left = [one for one in small.rglob("*") if one.is_file() and one.stat().st_size > 1 << 20]
        assert not left
        subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
        assert unpack(str(path), Home(str(small)), quiet).packages == 4
    finally:
        until(lambda: subprocess.run(["umount", str(small)], capture_output=True, check=False).returncode == 0)
