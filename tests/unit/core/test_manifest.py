"""The seal notices every edit, and a manifest from a stranger is checked before anything of it is used."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.errors import ReprunError
from reprun.core.manifest import MAX_BYTES, DamagedError, FromTheFutureError, check, is_inside, open_seal, seal
from reprun.store.manifests import parse_manifest, render_manifest

RUN_ID = "20261121-031622-m4k7qx"
GOOD: dict[str, Any] = {
    "schema_version": 1,
    "run_id": RUN_ID,
    "name": "baseline",
    "why": "a try\nof two lines",
    "created": "2026-11-21T03:16:22.123Z",
    "parent": "",
    "reprun_version": "0.1.0",
    "command": {"argv": ["python", "train.py", "--out", "{output}", "'\"\\ \t"], "cwd": ""},
    "code": {"commit": "c" * 40, "tree": "7" * 40, "branch": "main", "dirty": True},
    "config": {"source": "conf/base.yaml", "format": "yaml", "sets": ["lr=0.1"], "sha256": "0" * 64, "text": "lr: 0.1\n"},
    "seeds": {"root": 7, "origin": "option", "named": {"python": 1, "numpy": 2}},
    "environment": {"kind": "system", "packages": ["numpy==1.26.0"]},
    "variables": {"values": {"HOME": "/home/me"}, "configured": [], "secret": ["WANDB_API_KEY"]},
    "target": {"name": "local", "host": "local", "scheduler": "tmux", "gpus": ""},
    "run": {"writable": ["outputs"], "hash_limit": 1 << 30},
    "data": [{"path": "digits.csv", "size": 3, "files": 1, "sha256": "0" * 64}],
    "carried": [{"path": ".env", "size": 3, "sha256": "0" * 64}],
}
TEXT = render_manifest(GOOD).encode()


def test_what_is_written_is_read() -> None:
    manifest = parse_manifest(TEXT, RUN_ID)
    assert manifest.data == GOOD
    assert (manifest.run_id, manifest.name, manifest.commit, manifest.argv) == (
        RUN_ID, "baseline", "c" * 40, tuple(GOOD["command"]["argv"]),
    )  # fmt: skip
    assert manifest.table("seeds")["root"] == 7
    assert manifest.table("name") == {} and manifest.table("missing") == {}


def test_the_seal_is_the_digest_of_the_rest() -> None:
    digest = "9e26bf369911c45c243c684147b23fc9e1dcfcf257d299a1c632016a6fcd33f4"
    assert seal(b"x = 1\n") == f'seal = "sha256:{digest}"\nx = 1\n'.encode()
    first, _, body = TEXT.partition(b"\n")
    assert first.startswith(b'seal = "sha256:') and open_seal(TEXT, "x") == body


@settings(max_examples=400)
@given(st.integers(0, len(TEXT) - 1), st.integers(1, 255))
def test_any_flipped_byte_is_noticed(position: int, mask: int) -> None:
    damaged = bytearray(TEXT)
    damaged[position] ^= mask
    with pytest.raises(DamagedError, match=RUN_ID):
        parse_manifest(bytes(damaged), RUN_ID)


@given(st.integers(0, len(TEXT) - 1))
def test_any_truncation_is_noticed(length: int) -> None:
    with pytest.raises(DamagedError):
        parse_manifest(TEXT[:length], RUN_ID)


@given(st.integers(0, len(TEXT)), st.binary(min_size=1, max_size=5))
def test_anything_put_in_is_noticed(position: int, extra: bytes) -> None:
    with pytest.raises(DamagedError):
        parse_manifest(TEXT[:position] + extra + TEXT[position:], RUN_ID)


@given(st.binary(max_size=200))
def test_anything_else_is_no_manifest(text: bytes) -> None:
    with pytest.raises(DamagedError):
        parse_manifest(text, RUN_ID)


@given(st.binary(max_size=200))
def test_a_seal_around_nonsense_is_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(ReprunError):
        parse_manifest(seal(body), RUN_ID)


def test_deep_nesting_is_an_error_of_ours() -> None:
    with pytest.raises(ReprunError):
        parse_manifest(seal(b"a = " + b"[" * 5000 + b"]" * 5000), RUN_ID)


def test_a_huge_one_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(DamagedError):
        parse_manifest(seal(TEXT + b"#" * MAX_BYTES), RUN_ID)


@pytest.mark.parametrize("version", [2, 99])
def test_one_from_the_future_says_what_to_do(version: int) -> None:
    with pytest.raises(FromTheFutureError, match=str(version)) as caught:
        parse_manifest(render_manifest({"schema_version": version, "anything": 1}).encode(), RUN_ID)
    assert "upgrade" in caught.value.hint


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    here = data
    *above, last = path.split(".")
    for part in above:
        here = here[part]
    if value is KeyError:
        del here[last]
    else:
        here[last] = value
    return data


HOSTILE = [
    *[(field, KeyError) for field in ("schema_version", "run_id", "created", "command", "code", "seeds", "variables", "target")],
    *[("run_id", value) for value in ("", "../../etc", RUN_ID + "\n", "x" * 22, "@last", 7)],
    *[("command.argv", value) for value in ([], "rm", [1], [None], {}, KeyError, [""], ["nul\0"])],
    *[("command.cwd", value) for value in ("/", "..", "a/../..", ".git", ".GIT/hooks", "a/.git", "nul\0", 7, ["a"])],
    *[("code.commit", value) for value in ("", "HEAD", "--exec=x", "c" * 39, 7, KeyError, ["c" * 40])],
    *[("code.tree", value) for value in ("", "x" * 40, KeyError)],
    *[("seeds.root", value) for value in ("7", None, 7.5, KeyError)],
    *[("seeds.named", value) for value in ([], "x", KeyError, {"python": "x"})],
    *[("run", value) for value in ("x", [], 7)],
    *[("run.writable", value) for value in ("outputs", 7, {}, [7], [".."], ["/"], [".git"])],
    *[("run.writable", [value]) for value in ("", ".", "a//b", "./a", "a/")],
    *[("run.hash_limit", value) for value in ("x", [], {})],
    *[("config", value) for value in ("x", [], {"format": "yaml"}, {"text": 1, "format": "yaml"})],
    *[("config.format", value) for value in ("exe", 7, KeyError, "../yaml")],
    *[("data", value) for value in ("x", 7, {}, [7], [{}], [{"path": 7}])],
    *[("carried", value) for value in ("x", 7, {}, [7], [{}], [{"path": ".env"}])],
    *[
        ("carried", [{"path": ".env", "size": 3, "sha256": "0" * 64, **wrong}])
        for wrong in (
            *({"path": path} for path in ("", ".", "..", "/etc/passwd", "../a", "a/../../b", ".git/config", ".GIT/x", "a/", 7)),
            *({"sha256": digest} for digest in ("", "0" * 63, "x" * 64, 7)),
            *({"size": size} for size in ("3", 3.5, None, -1)),
        )
    ],
    *[("variables.values", value) for value in ("x", [], {"A": 1}, {"A": {"b": "c"}})],
    *[("variables.secret", value) for value in ("x", [1], 7)],
    *[("variables.configured", value) for value in ("x", 7)],
    *[("target.gpus", value) for value in (7, ["0"])],
    *[("schema_version", value) for value in ("1", 1.0, None, 0, -1)],
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=lambda value: str(value)[:30])
def test_a_hostile_field_is_refused_and_named(path: str, value: Any) -> None:
    with pytest.raises(ReprunError) as caught:
        check(changed(path, value), RUN_ID)
    assert path.rsplit(".", maxsplit=1)[-1] in caught.value.message or path == "schema_version"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
paths = [f"{table}.{key}" for table, value in GOOD.items() if isinstance(value, dict) for key in value] + list(GOOD)


@settings(max_examples=500)
@given(st.sampled_from(paths), values)
def test_no_value_in_any_place_is_a_bug(path: str, value: Any) -> None:
    """Either it is refused, or what the launch makes of it is a spec."""
    from reprun.commands.records import spec_from_manifest

    try:
        manifest = check(changed(path, value), RUN_ID)
        spec = spec_from_manifest(manifest)
    except ReprunError:
        return
    assert all(is_inside(part) for part in (spec.cwd, *spec.writable))
    assert all(isinstance(text, str) for text in (*spec.argv, *spec.secrets, *spec.data, spec.gpus, *spec.variables.values()))


@pytest.mark.parametrize("path", ["", "a", "a/b", "outputs", ".github", "a..b", "...", " ", "a\\b", "git", "x.git"])
def test_inside(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize(
    "path", ["/", "/a", "..", "a/..", "a/../b", ".git", "a/.git/b", ".Git", "a\0", ".", "./a", "a//b", "a/", None, 7, b"a"]
)
def test_not_inside(path: Any) -> None:
    assert not is_inside(path)
