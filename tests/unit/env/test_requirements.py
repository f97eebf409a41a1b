"""Reading requirements.txt as a lock: what is pinned and hashed, what is not, and what no file of a stranger may make pip do."""

from __future__ import annotations

import pytest
from python_lab import a_python

from reprun.core.errors import RefusedError, ReprunError, UsageError
from reprun.env.pip_index import explain
from reprun.env.pylock import Pylock, parse_pylock, plan_rows, render
from reprun.env.requirements import Requirements, chosen, parse_requirements
from reprun.env.wheels import Pinned, Wheel

A, B = "a" * 64, "b" * 64
GOOD = f"""\
# made by pip-compile
--index-url https://user:secret@host/simple  # a comment
numpy==1.26.4 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via -r requirements.in
Foo.Bar[extra]===2.0 ; python_version < "3.9" --hash sha256:{A}
-r more/base.txt
-e .
.
"""


def parse(text: str, **others: str) -> Requirements:
    files = {"requirements.txt": text, **{name.replace("__", "/"): other for name, other in others.items()}}
    return parse_requirements("requirements.txt", lambda path: files[path].encode() if path in files else None)


def test_a_file_as_tools_write_it() -> None:
    files = {"requirements.txt": GOOD, "more/base.txt": f"tqdm==4.0 --hash=sha256:{A}\n-r ../requirements.txt\n"}
    found = parse_requirements("requirements.txt", lambda path: files[path].encode() if path in files else None)
    assert [(item.name, item.version, item.hashes) for item in found.items] == [
        ("numpy", "1.26.4", (A, B)), ("foo-bar", "2.0", (A,)), ("tqdm", "4.0", (A,))]  # fmt: skip
    assert found.options == ("--index-url=https://user:secret@host/simple",) and not found.loose
    assert [name for name, _ in found.files] == ["requirements.txt", "more/base.txt"]
    assert [item.name for item in chosen(found, a_python()["markers"])] == ["numpy", "tqdm"]
    assert [item.name for item in chosen(found, a_python("3.8.1")["markers"])] == ["numpy", "foo-bar", "tqdm"]


@pytest.mark.parametrize(
    "line",
    [
        *("numpy", "numpy==1.26.4", f"numpy>=1 --hash=sha256:{A}", f"numpy==1.* --hash=sha256:{A}", "numpy==1.0 --hash=md5:abc"),
        *(f"x @ git+https://h/x --hash=sha256:{A}", f"x @ https://h/x.tar.gz --hash=sha256:{A}"),
    ],
)
def test_what_is_not_pinned_and_hashed_is_named(line: str) -> None:
    assert parse(f"good==1 --hash=sha256:{A}\n{line}\n").loose == [line.partition("=")[0].partition(">")[0].split()[0]]


def test_a_wheel_by_its_address() -> None:
    item = parse(f"x @ https://me:pw@host/x-1.0-py3-none-any.whl --hash=sha256:{A}").items[0]
    assert item.wheel and item.is_locked and item.wheel.url == "https://host/x-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "text",
    ["-r ../../etc/passwd", "-r /etc/passwd", "-r gone.txt", "-e ../other", "-e git+https://h/x", "--find-links ../wheels",
     "--index-url --trusted-host=evil", "--config-settings=x", "--unknown=1", "./local.whl", "numpy==1 --global-option=x",
     "numpy==1 --hash=sha256:a --install-option=x", "$(touch x)", "=" * 10_000, "(" * 10_000, "--hash=sha256:abc",
     "a==1; " + "(" * 5000],
)  # fmt: skip
def test_what_could_lead_elsewhere_is_an_error_of_one_sentence(text: str) -> None:
    with pytest.raises(ReprunError) as error:
        parse(text + "\n")
    assert error.value.hint and "Traceback" not in error.value.message and len(error.value.message) < 400


def test_two_versions_of_one_package() -> None:
    with pytest.raises(UsageError, match="two versions of x"):
        chosen(parse(f"x==1 --hash=sha256:{A}\nx==2 --hash=sha256:{B}\n"), a_python()["markers"])


def test_files_that_name_each_other_without_end() -> None:
    read = {f"r{at}.txt": f"-r r{at + 1}.txt\n".encode() for at in range(3000)}
    assert not parse_requirements("r0.txt", read.get).items


NO_MATCH = (
    "ERROR: Could not find a version that satisfies x==1 (from versions: none)\nERROR: No matching distribution found for x==1\n"
)
SKIPPED = "2026-01-01T00:00:00,000 Could not fetch URL https://me:pw@h.example/simple/x/: %s - skipping\n"


@pytest.mark.parametrize(
    ("said", "log", "words"),
    [
        (NO_MATCH, "", "no wheel of x==1 for Python 3.11.7"),
        (NO_MATCH, SKIPPED % "404 Client Error: Not Found for url: https://me:pw@h.example/simple/x/", "no wheel of x==1"),
        (NO_MATCH, SKIPPED % "401 Client Error: Unauthorized for url: https://me:pw@h.example/simple/x/",
         "the index https://h.example/simple/x/ wants a name and password"),
        (NO_MATCH, SKIPPED % "connection error: HTTPSConnectionPool(host='h.example', port=443): Read timed out.",
         "cannot be asked: Read timed out"),
        ("WARNING: The repository located at h.example is not a trusted or secure host and is being ignored.\n" + NO_MATCH, "",
         "pip takes nothing from h.example"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If\n"
         "    x==1 from https://me:pw@h.example/x-1.whl#sha256=ab (from -r /tmp/requirements.txt (line 1)):\n", "",
         "x==1 in the index is not the file of which requirements.txt has the hash: https://h.example/x-1.whl"),
        ("ERROR: something with https://me:pw@h.example\n", "", "something with https://h.example"),
        ("", "", "it says nothing"),
    ],
)  # fmt: skip
def test_why_pip_found_nothing_is_said_and_no_password(said: str, log: str, words: str) -> None:
    error = explain(said, log, a_python())
    assert words in error.message and error.hint and "pw@" not in f"{error.message}{error.hint}"


def test_a_lock_of_requirements_is_for_one_kind_of_machine_and_says_so_on_another() -> None:
    wheel = Wheel("x-1-cp311-cp311-manylinux_2_34_x86_64.whl", "https://h/x.whl", A)
    here, old, arm = a_python(glibc="2.36"), a_python(glibc="2.28"), a_python(glibc="2.36", machine="aarch64")
    lock = parse_pylock(render(Pylock("requirements", "3.11", {}, (Pinned("x", "1", (wheel,)),)), here))
    assert [row["file"] for row in plan_rows(lock, here, "here")] == [wheel.file]
    with pytest.raises(RefusedError, match=r"x 1 .its 1 wheels are for others.*has the files for one kind of machine") as error:
        plan_rows(lock, old, "gpu1")
    assert "launch again" in error.value.hint
    with pytest.raises(RefusedError, match="the lock is not for gpu2: it is for platform_machine x86_64") as error:
        plan_rows(lock, arm, "gpu2")
    assert "launch again" in error.value.hint
