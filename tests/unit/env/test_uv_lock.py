"""Reading uv.lock: markers, extras, groups, forks and what excludes each other; and what is no uv.lock."""

from __future__ import annotations

import tomllib

import pytest
from python_lab import a_python

from reprun.core.errors import RefusedError, ReprunError, UsageError
from reprun.env.pylock import Pylock, parse_pylock, plan_rows, render
from reprun.env.uv_lock import check_fresh, parse_uv_lock, resolve

HEAD = 'version = 1\nrevision = 2\nrequires-python = ">=3.10"\n'
ROOT = """
[[package]]
name = "demo"
version = "0.1"
source = { editable = "." }
dependencies = [
    { name = "both" },
    { name = "win", marker = "sys_platform == 'win32'" },
    { name = "forked", version = "1.0", source = { registry = "https://h" }, marker = "python_full_version < '3.12'" },
    { name = "forked", version = "2.0", source = { registry = "https://h" }, marker = "python_full_version >= '3.12'" },
    { name = "withextra", extra = ["fast"] },
    { name = "member" },
    { name = "torch", version = "2.0", marker = "extra == 'extra-4-demo-cpu'" },
    { name = "torch", version = "3.0", marker = "extra != 'extra-4-demo-cpu'" },
]

[package.optional-dependencies]
cpu = [{ name = "cpuonly" }]

[package.dev-dependencies]
dev = [{ name = "ruff" }]
"""
DIGEST = "0123456789abcdef" * 4


def package(name: str, version: str = "1.0", more: str = "", wheel: str = "") -> str:
    file = wheel or f"{name}-{version}-py3-none-any.whl"
    return (
        f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "https://h" }}\n'
        f'wheels = [{{ url = "https://user:pass@files.host/{file}#x", hash = "sha256:{DIGEST}", size = 5 }}]\n{more}'
    )


LOCK = (
    HEAD
    + ROOT
    + "".join(package(name) for name in ("both", "win", "cpuonly", "ruff", "deep"))
    + package("forked")
    + package("forked", "2.0")
    + package("torch", "2.0")
    + package("torch", "3.0")
    + package("withextra", more='dependencies = []\n[package.optional-dependencies]\nfast = [{ name = "deep" }]\n')
    + '\n[[package]]\nname = "member"\nversion = "0"\nsource = { editable = "members/a" }\ndependencies = [{ name = "both" }]\n'
).encode()


def names(lock: bytes, version: str = "3.11.7", categories: tuple[str, ...] = ("main",)) -> set[str]:
    found, _ = resolve(parse_uv_lock(lock), a_python(version)["markers"], categories)
    return {f"{one.name}={one.version}" for one in found}


BASE = {"both=1.0", "withextra=1.0", "deep=1.0"}


def test_what_a_project_needs_is_followed_by_markers_extras_and_groups() -> None:
    assert names(LOCK) == {*BASE, "forked=1.0", "torch=3.0"}
    assert names(LOCK, "3.12.0") == {*BASE, "forked=2.0", "torch=3.0"}
    assert names(LOCK, categories=("main", "dev")) == {*BASE, "forked=1.0", "torch=3.0", "ruff=1.0"}
    assert names(LOCK, categories=("main", "cpu")) == {*BASE, "forked=1.0", "torch=2.0", "cpuonly=1.0"}
    with pytest.raises(ReprunError, match="neither an extra nor a group") as error:
        names(LOCK, categories=("main", "gpu"))
    assert "dev" in error.value.hint


def test_the_lock_of_a_run_is_a_pylock_that_others_read_and_gives_the_plan() -> None:
    from packaging.pylock import Pylock as Standard

    python = a_python()
    packages, members = resolve(parse_uv_lock(LOCK), python["markers"], ("main",))
    text = render(Pylock("uv", "3.11", {}, tuple(packages), "uv", tuple(members)), python)
    assert tuple(members) == parse_pylock(text).members == ("members/a",)
    standard = Standard.from_dict(tomllib.loads(text.decode()))
    assert {str(one.name) for one in standard.packages} == {one.name for one in packages}
    assert all(marker.evaluate(python["markers"]) for marker in standard.environments or [])
    rows = plan_rows(parse_pylock(text), python, "gpu1")
    assert {row["name"] for row in rows} == {one.name for one in packages}
    assert rows[0]["url"] == "https://files.host/both-1.0-py3-none-any.whl", "names and passwords are not recorded"
    with pytest.raises(RefusedError, match="it is for platform_machine x86_64"):
        plan_rows(parse_pylock(text), a_python(machine="aarch64"), "gpu1")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('source = { git = "https://host/x?rev=1#abc" }', "it comes from git"),
        ('source = { path = "../x-1.0-py3-none-any.whl" }', "it comes from path"),
        ('source = { editable = "../x" }', "it comes from editable"),
        ('source = { registry = "https://h" }\nsdist = { url = "https://h/x.tar.gz" }', "it has only a source distribution"),
        ('source = { registry = "../wheels" }\nwheels = [{ path = "x-1.0-py3-none-any.whl" }]', "no address and SHA-256"),
    ],
)
def test_what_is_no_wheel_is_refused_by_name(source: str, why: str) -> None:
    root = '[[package]]\nname = "demo"\nversion = "0"\nsource = { virtual = "." }\ndependencies = [{ name = "x" }]\n'
    text = f'{HEAD}{root}\n[[package]]\nname = "x"\nversion = "1.0"\n{source}\n'.encode()
    python = a_python()
    packages, _ = resolve(parse_uv_lock(text), python["markers"], ("main",))
    with pytest.raises(RefusedError, match=rf"x 1\.0 \(.*{why}"):
        plan_rows(Pylock("uv", "3.11", python["markers"], tuple(packages)), python, "gpu1")


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\xff\xfe", b"version = 2\n", b"version = 1\n", b"version = 1\npackage = 7\n", b"a = " + b"[" * 5000,
        b"version = 1\n[[package]]\nname = 3\nsource = { editable = '.' }\ndependencies = [{ name = 'gone' }]\n",
        b"version = 1\n[[package]]\nname = 'd'\nsource = {editable = '.'}\ndependencies = [{name = 'd', marker = 'rm -rf'}]\n",
        b"version = 1\n[[package]]\nname = 'd'\nsource = {editable = '.'}\n[[package]]\nname = 'e'\nsource = {virtual = '.'}\n",
    ],
)  # fmt: skip
def test_what_is_no_uv_lock_is_an_error_of_one_sentence(text: bytes) -> None:
    with pytest.raises(ReprunError) as error:
        resolve(parse_uv_lock(text), a_python()["markers"], ("main",))
    assert error.value.hint


def test_a_ring_of_packages_ends() -> None:
    ring = HEAD + '[[package]]\nname = "d"\nversion = "0"\nsource = { virtual = "." }\ndependencies = [{ name = "p0" }]\n'
    ring += "".join(package(f"p{at}", more=f'dependencies = [{{ name = "p{(at + 1) % 500}" }}]\n') for at in range(500))
    assert len(names(ring.encode())) == 500


@pytest.mark.parametrize(
    ("wanted", "why"),
    [(["both>=1"], ""), (["win"], ""), (["both>=2"], "it has both 1.0, not >=2"), (["other"], "lacks other"),
     (["other; sys_platform == 'win32'"], ""), (["Both[x]~=1.0"], "")],
)  # fmt: skip
def test_a_lock_that_lacks_what_pyproject_says_is_stale(wanted: list[str], why: str) -> None:
    project = {"project": {"dependencies": wanted}}
    if why:
        with pytest.raises(RefusedError, match=why):
            check_fresh(parse_uv_lock(LOCK), project, a_python()["markers"])
    else:
        check_fresh(parse_uv_lock(LOCK), project, a_python()["markers"])


@pytest.mark.parametrize("text", [b"", b"packages = 3", b"[tool]\nreprun = 1", b"x = " + b"[" * 5000])
def test_a_lock_of_a_stranger_that_is_damaged_gives_no_traceback(text: bytes) -> None:
    with pytest.raises(ReprunError, match="not whole"):
        parse_pylock(text)


def test_a_workspace_without_a_project_at_its_top_needs_all_its_members() -> None:
    members = "".join(
        f'\n[[package]]\nname = "{name}"\nversion = "0"\nsource = {{ {kind} = "{path}" }}\n'
        f'dependencies = [{{ name = "{needs}" }}]\n'
        for name, kind, path, needs in (
            ("one", "editable", "packages/./one", "both"),
            ("two", "virtual", "two", "one"),
            ("three", "editable", "x/3", "deep"),
        )
    )
    text = HEAD + '[manifest]\nmembers = ["one", "two"]\n' + members + package("both") + package("deep")
    found, folders = resolve(parse_uv_lock(text.encode()), a_python()["markers"], ("main",))
    assert [one.name for one in found] == ["both"] and folders == ["packages/one"]
    elsewhere = text.replace("packages/./one", "../one").encode()
    found, folders = resolve(parse_uv_lock(elsewhere), a_python()["markers"], ("main",))
    assert folders == [] and {one.name: one.problem for one in found}["one"] == "it comes from editable"
    with pytest.raises(UsageError, match="does not say which"):
        parse_uv_lock((HEAD + members).encode())
