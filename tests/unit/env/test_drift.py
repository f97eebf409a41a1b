"""Drift of a prefix from a lock, and a lock from a prefix. The prefixes are records, as an installer leaves them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from reprun.core.errors import NotFoundError
from reprun.env.drift import find_drift
from reprun.env.export import export
from reprun.env.installed import glance, read_prefix
from reprun.env.lockfile import read_head, read_packages
from reprun.env.plan import make_plan


def record(name: str, version: str, build: str = "0", **more: Any) -> dict[str, Any]:
    url = f"https://conda.example/forge/noarch/{name}-{version}-{build}.conda"
    digests = {"sha256": sha256(url.encode()).hexdigest(), "md5": sha256(name.encode()).hexdigest()[:32]}
    return {"name": name, "version": version, "build": build, "url": url, "depends": ["python >=3.8"], **digests, **more}


def prefix_of(folder: Path, *records: dict[str, Any]) -> Path:
    meta = folder / "conda-meta"
    meta.mkdir(parents=True)
    (meta / "history").write_text("")
    for one in records:
        (meta / f"{one['name']}-{one['version']}-{one['build']}.json").write_text(json.dumps(one))
    return folder


def by_pip(prefix: Path, name: str, version: str, installer: str = "pip", direct: dict[str, Any] | None = None) -> None:
    info = prefix / "lib" / "python3.11" / "site-packages" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "INSTALLER").write_text(f"{installer}\n")
    if direct:
        (info / "direct_url.json").write_text(json.dumps(direct))


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    made = prefix_of(tmp_path / "env", record("python", "3.11.7"), record("py-yaml", "6.0"), record("numpy", "1.26.4", "py311_0"))
    by_pip(made, "numpy", "1.26.4", "conda")
    by_pip(made, "PyYAML", "6.0", "conda")  # conda calls it otherwise
    return made


def plan_of(prefix: Path) -> dict[str, Any]:
    text = export(read_prefix(str(prefix)), "linux-64", {"__glibc": "2.36"}).text
    return make_plan(read_packages(text, "linux-64", ("main",)), "linux-64", read_head(text).virtual["linux-64"])


@pytest.mark.parametrize("look", [glance, read_prefix])
def test_a_prefix_has_not_drifted_from_its_own_lock(prefix: Path, look: Any) -> None:
    assert find_drift(plan_of(prefix), look(str(prefix))) == []


@pytest.mark.parametrize("look", [glance, read_prefix])
def test_every_way_to_drift_is_named_package_by_package(prefix: Path, tmp_path: Path, look: Any) -> None:
    plan = plan_of(prefix)
    now = prefix_of(tmp_path / "now", record("python", "3.11.8"), record("numpy", "1.26.4", "py311_1"), record("rich", "13"))
    by_pip(now, "numpy", "2.0")  # pip install -U numpy: conda's record still says 1.26.4
    by_pip(now, "Some_Tool", "1.0")
    assert [change.words for change in find_drift(plan, look(str(now)))] == [
        "numpy 1.26.4=py311_0 in the lock, 1.26.4=py311_1 installed",
        "py-yaml 6.0=0 is not installed",
        "python 3.11.7=0 in the lock, 3.11.8=0 installed",
        "rich 13=0 is not in the lock",
        "numpy 2.0 (pip) is not in the lock",
        "some-tool 1.0 (pip) is not in the lock",
    ]


def test_the_same_build_from_another_archive_is_drift(prefix: Path, tmp_path: Path) -> None:
    plan = plan_of(prefix)
    now = prefix_of(
        tmp_path / "now",
        record("python", "3.11.7", sha256="f" * 64),
        record("py-yaml", "6.0"),
        record("numpy", "1.26.4", "py311_0"),
    )
    drift = find_drift(plan, read_prefix(str(now)))
    assert [change.name for change in drift] == ["python"]
    assert "sha256 ffffffffffff" in drift[0].installed


def test_an_export_names_what_nobody_can_get_again(prefix: Path) -> None:
    by_pip(prefix, "by_name", "1.0")
    by_pip(prefix, "mine", "0.1", direct={"url": "file:///home/me/mine", "dir_info": {"editable": True}})
    wheel = {"url": "https://example/w-2.0-py3-none-any.whl", "archive_info": {"hashes": {"sha256": "a" * 64}}}
    by_pip(prefix, "w", "2.0", direct=wheel)
    exported = export(read_prefix(str(prefix)), "linux-64", {})
    assert exported.unknown == ("by-name==1.0", "mine==0.1")
    assert exported.count == 4
    packages = read_packages(exported.text, "linux-64", ("main",))
    assert {(item["name"], item["sha256"]) for item in packages if item["manager"] == "pip"} == {("w", "a" * 64)}


def test_what_is_no_prefix_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no conda environment"):
        glance(str(tmp_path))
