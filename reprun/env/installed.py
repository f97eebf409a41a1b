"""What is installed in a prefix: the packages of conda by their records, those of pip by their metadata. Only reads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reprun.core.errors import NotFoundError
from reprun.core.frozen import dataclass, replace
from reprun.core.text import show
from reprun.runner.captures import archive_sha256
from reprun.runner.env_record import PLAN
from reprun.runner.files import read_text

_TOOLS = ("pip", "setuptools", "wheel")
_RECORD = re.compile(r"(.+)-([^-]+)-([^-]+)\.json")


@dataclass(frozen=True)
class Package:
    """An installed package. `url` and the digests only from `read_prefix`; empty where they are not known."""

    manager: str
    name: str
    version: str
    build: str = ""
    url: str = ""
    sha256: str = ""
    md5: str = ""
    depends: tuple[str, ...] = ()


def normalized(name: str) -> str:
    """A name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def glance(prefix: str) -> list[Package]:
    """The packages of a prefix by the names of its records: some milliseconds. Raises `NotFoundError` for what is no prefix."""
    found = []
    for name in _names(prefix):
        match = _RECORD.fullmatch(name)
        if match:
            found.append(Package("conda", match[1], match[2], match[3]))
    return [*found, *_by_pip(prefix, {normalized(package.name): package.version for package in found})]


def read_prefix(prefix: str) -> list[Package]:
    """The packages of a prefix with what their records say. Raises `NotFoundError` for what is no prefix."""
    found = []
    for name in _names(prefix):
        record = _read(os.path.join(prefix, "conda-meta", name))
        if record:
            digests = {kind: str(record.get(kind) or "") for kind in ("sha256", "md5")}
            depends = tuple(str(one) for one in record.get("depends") or ())
            plain = {key: str(record.get(key, "")) for key in ("name", "version", "build", "url")}
            found.append(Package("conda", **plain, **digests, depends=depends))
    planned = _planned(prefix)
    for package in _by_pip(prefix, {normalized(package.name): package.version for package in found}):
        known = None if package.url else planned.get((package.name, package.version))
        found.append(replace(package, url=known["url"], sha256=known["sha256"]) if known else package)
    return found


def _planned(prefix: str) -> dict[tuple[str, str], dict[str, str]]:
    """In an environment that reprun made, where the packages of pip are from: pip notes nothing of it."""
    listed = (_read(os.path.join(prefix, PLAN)) or {}).get("packages") or ()
    found = [item for item in listed if isinstance(item, dict) and item.get("manager") == "pip"]
    return {
        (normalized(str(item.get("name"))), str(item.get("version"))): {
            key: str(item.get(key) or "") for key in ("url", "sha256")
        }
        for item in found
    }


def read_venv(prefix: str) -> list[Package]:
    """What was installed in a virtual environment, without what makes one, and without what is developed in some folder."""
    return [one for one in _by_pip(prefix, {}) if one.name not in _TOOLS and (one.sha256 or not one.url.startswith("file:"))]


def _names(prefix: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(os.path.join(prefix, "conda-meta")) if name.endswith(".json"))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{show(prefix)} is no conda environment: it has no conda-meta", hint="conda env list") from None


def _by_pip(prefix: str, known: Mapping[str, str]) -> Iterator[Package]:
    """What pip has put there, also over a package of conda's. Metadata of what is `known` as conda's is not opened."""
    for folder in _sites(prefix):
        for entry in sorted(os.listdir(folder)):
            stem, _, kind = entry.rpartition(".")
            name, dash, version = stem.rpartition("-")
            if kind != "dist-info" or not dash or known.get(normalized(name)) == version:
                continue
            place = os.path.join(folder, entry)
            if read_text(os.path.join(place, "INSTALLER")).strip() == "conda":
                continue
            direct = _read(os.path.join(place, "direct_url.json")) or {}
            archive = direct.get("archive_info") or {}
            sha256 = archive_sha256(archive) if isinstance(archive, dict) else ""
            url = str(direct.get("url") or "")
            yield Package("pip", normalized(name), version, url=url, sha256=sha256)


def _sites(prefix: str) -> list[str]:
    lib = os.path.join(prefix, "lib")
    try:
        pythons = sorted(name for name in os.listdir(lib) if re.fullmatch(r"python\d+\.\d+", name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    places = [os.path.join(lib, name, "site-packages") for name in pythons]
    return [place for place in places if os.path.isdir(place)]


def _read(path: str) -> dict[str, Any] | None:
    try:
        found = json.loads(read_text(path) or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
