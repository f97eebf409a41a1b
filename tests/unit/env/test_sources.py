"""The sources of a lock: what is wrong with them, and when they count as changed."""

from __future__ import annotations

import pytest

from reprun.core.errors import ReprunError, ToolError, UsageError
from reprun.core.frozen import replace
from reprun.env.checking import check_selectors, check_sources
from reprun.env.complaints import explain
from reprun.env.sources import Sources, Wanted, key_of, key_of_tree
from reprun.env.virtual import with_overrides

YAML = b"channels: [conda-forge]\ndependencies: [python=3.11, numpy]\n"
# Nine lists of nine of the one before: nothing in memory, and four hundred million words when it is printed.
BOMB = b"".join(b"x%d: &x%d [%s]\n" % (n, n, b",".join([b"*x%d" % (n - 1) if n else b"y"] * 9)) for n in range(10))
BOMB += b"dependencies: *x9\n"
WANTED = Wanted("linux-64", {"__glibc": "2.36", "__linux": "6.1", "__unix": "0"}, {})


def sources(text: bytes, name: str = "environment.yml") -> Sources:
    return Sources(((name, text),))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("environment.yml", YAML), ("pyproject.toml", b"[project]\nname = 'x'\n"), ("meta.yaml", b"{% set x = 1 %}\n"),
        ("pyproject.toml", b"[tool.conda-lock]\nchannels = []\n"),
    ],
)  # fmt: skip
def test_what_conda_lock_reads_is_let_through(name: str, text: bytes) -> None:
    assert check_sources(sources(text, name)) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("environment.yml", b"dependencies: [python\nchannels: []", "not valid YAML in line 2"),
        ("environment.yml", b"- python", "must be a table"), ("environment.yml", b"name: x", "no list of dependencies"),
        ("environment.yml", b"\xff", "not text in UTF-8"), ("pyproject.toml", b"[project", "not valid TOML"),
        ("pyproject.toml", b"[tool.ruff]", "says nothing about dependencies"),
        ("environment.yml", b"dependencies: [python, '']", "a dependency that is no text: ''"),
        ("environment.yml", b"dependencies: [{pip: [5]}]", "a dependency that is no text"),
        ("environment.yml", b"dependencies: [{pip: tomli}]", "a dependency that is no text"),
        ("environment.yml", b"channels: nope\ndependencies: [python]", "no list of names"),
        ("environment.yml", b"channels: [{a: b}]\ndependencies: [python]", "no list of names"),
        ("environment.yml", b"category: 5\ndependencies: [python]", "the category"),
        ("environment.yml", b"a: &a [*a]\ndependencies: *a", "a dependency that is no text"),
        ("environment.yml", BOMB, "a dependency that is no text"),
        ("environment.yml", b"", "is empty"), ("environment.yml", b"# later", "is empty"),
        ("environment.yml", b"dependencies:\n\t- dial\n", "not valid YAML in line 2"),
        ("environment.yml", b"dependencies: [dial: 1.1]", "a dependency that is no text: {'dial': 1.1}"),
        ("environment.yml", b"dependencies: [dial]\ndependencies: [antique]", "says dependencies twice"),
        ("environment.yml", b"dependencies: [" * 3000, "nested too deeply"),
        ("environment.yml", b"dependencies: [{pip: [-r requirements.txt]}]", "an option under pip"),
        ("environment.yml", b"dependencies: [{pip: [--index-url=https://x.example/simple]}]", "an option under pip"),
        ("environment.yml", b"dependencies: [{pip: ['.[dev]']}]", "a folder under pip: .\\[dev]"),
        ("environment.yml", b"dependencies: [{pip: ['x @ git+https://me:secret@x.example/x']}]", "https://x.example/x"),
        ("pyproject.toml", b"[project]\nname = 'x'\n[tool.pixi.dependencies]\ndial = '*'", "as pixi does"),
        ("pixi.toml", b"[workspace]\nchannels = []\n[dependencies]\ndial = '*'", "as pixi does"),
        ("pyproject.toml", b"[project]\nname = 'x'\ndynamic = ['dependencies']", "computed by its build"),
    ],
)  # fmt: skip
def test_what_it_could_not_read_is_said_before_it_is_asked(name: str, text: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_sources(sources(text, name))


def test_a_pip_section_and_missing_channels_are_worth_a_warning() -> None:
    notes = check_sources(sources(b"dependencies: [python, {pip: [tomli, six]}]\n"))
    assert "a pip section (2 packages)" in notes[0]
    assert "names no channels" in notes[1]
    text = b"channels: [x]\ndependencies: [python, {pip: [-e ., -e ./lib]}]\nvariables: {LEVEL: 3}\n"
    lies, sets = check_sources(sources(text))
    assert "wants ./lib as it lies there" in lies and "sets variables (LEVEL), which are in no lock" in sets


@pytest.mark.parametrize("line", [b"- dial # [not win]", b"- dial # [linux and x86_64]", b"- dial  # see [1]"])
def test_a_line_that_conda_lock_would_leave_out_everywhere_is_no_lock(line: bytes) -> None:
    with pytest.raises(UsageError, match="selector in line 2 that conda-lock does not know"):
        check_selectors(sources(b"dependencies:\n" + line + b"\n"))


def test_lines_for_other_platforms_and_other_brackets_are_fine() -> None:
    text = b"# [all]\ndependencies:\n- dial # [linux]\n- winthing # [win]\n- \"dial[version='>=1']\" # the best\n"
    check_selectors(sources(text))


def test_the_key_changes_with_everything_that_decides_about_the_lock() -> None:
    base = key_of(sources(YAML), None, WANTED)
    other = [
        key_of(sources(YAML + b"#\n"), None, WANTED), key_of(sources(YAML, "env.yml"), None, WANTED),
        key_of(sources(YAML), b"", WANTED), key_of(sources(YAML), b"lock", WANTED),
        key_of(sources(YAML), None, replace(WANTED, platform="osx-64")),
        key_of(sources(YAML), None, replace(WANTED, categories=("main", "dev"))),
        key_of(sources(YAML), None, replace(WANTED, virtual={**WANTED.virtual, "__cuda": "12.4"})),
        key_of(sources(YAML), None, replace(WANTED, overrides={"__cuda": ""})),
        key_of(sources(YAML), None, replace(WANTED, names="another table")),
    ]  # fmt: skip
    assert len({base, *other}) == 10


def test_a_tree_of_git_is_known_again_with_all_that_decides_about_its_lock() -> None:
    base = key_of_tree("a" * 40, ["environment.yml"], WANTED)
    other = [
        key_of_tree("b" * 40, ["environment.yml"], WANTED), key_of_tree("a" * 40, ["env.yml"], WANTED),
        key_of_tree("a" * 40, ["environment.yml"], replace(WANTED, names="another table")),
        key_of_tree("a" * 40, ["environment.yml"], replace(WANTED, virtual={**WANTED.virtual, "__cuda": "12.4"})),
    ]  # fmt: skip
    assert len({base, *other}) == 5


def test_an_update_of_the_kernel_is_no_other_environment() -> None:
    newer = replace(WANTED, virtual={**WANTED.virtual, "__linux": "6.8"})
    assert key_of(sources(YAML), None, newer) == key_of(sources(YAML), None, WANTED)


def test_overrides_add_replace_and_take_away() -> None:
    assert with_overrides({"__glibc": "2.36", "__cuda": "12.4"}, {"__glibc": "2.17", "__cuda": "", "__osx": "11"}) == {
        "__glibc": "2.17", "__osx": "11",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        # conda, mamba and micromamba: conda-lock prints their message and then the command
        ("Locking…\nCould not lock the environment for platform linux-64\nnothing provides x\n    Command: ['conda']\nTraceback",
         UsageError, "nothing provides x"),
        ("Traceback (most recent call last):\n  File\nValueError: Got pip specs without Python\n", UsageError, "no python"),
        ("", ToolError, "it says nothing"),
        ("x.MatchSpecError: Failed to turn `python ]]` into a MatchSpec\n", UsageError, "a dependency that is none: python ]]"),
        ("x.HTTPError: HTTPSConnectionPool(host='raw.example', port=443): /mappings/pypi/grayskull_pypi_mapping.json (Caused by",
         ToolError, "the table of names of packages from raw.example:443"),
    ],
)  # fmt: skip
def test_a_failure_is_a_sentence_and_no_traceback(said: str, kind: type[ReprunError], words: str) -> None:
    error = explain("environment.yml", "linux-64", said, [])
    assert type(error) is kind
    assert words in error.message
    assert "Traceback" not in error.message
    assert "Command" not in error.message
