"""Captures: all distributions that an interpreter finds, each with its version, where it came from, and a digest of its files.

A capture is a text, named by its digest, and is kept here until the dev side has fetched it.
"""

from __future__ import annotations

import json
import os

from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, read_text, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Sequence

    from reprun.runner.paths import Home

_HEX = frozenset("0123456789abcdef")


def keep_capture(cache: str, distributions: Sequence[Sequence[str]]) -> str:
    """Writes it down and returns its digest; `distributions` are name, version, direct_url.json and the digest of the files."""
    lines = [json.dumps([name, version, origin(direct), files]) for name, version, direct, files in distributions]
    text = "".join(line + "\n" for line in lines).encode()
    digest = sha256(text).hexdigest()
    path = _path(cache, digest)
    if not os.path.exists(path):
        ensure_dir(os.path.dirname(path))
        write_atomic(path, text, durable=False)
    return digest


def read_capture(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The `text` of a capture; empty when it is not here."""
    digest = str(request["digest"])
    is_digest = len(digest) == 64 and _HEX.issuperset(digest)
    return {"text": read_text(_path(home.cache, digest)) if is_digest else ""}


def origin(direct: str) -> str:
    """What direct_url.json says, in one line, without names and passwords: `git+https://host/x@commit`."""
    try:
        data = json.loads(direct or "{}")
        found = _plain(str(data.get("url") or ""))
        version, archive, folder = (data.get(key) or {} for key in ("vcs_info", "archive_info", "dir_info"))
        if version:
            return "%s+%s@%s" % (version.get("vcs", ""), found, version.get("commit_id", ""))
        digest = archive_sha256(archive)
        return found + ("#sha256=%s" % digest if digest else "") + (" (editable)" if folder.get("editable") else "")
    except (ValueError, AttributeError, TypeError, RecursionError):
        return ""


def archive_sha256(archive: Mapping[str, Any]) -> str:
    """The digest in an `archive_info` of pip (PEP 610): under `hashes`, or before pip 23.1 as `sha256=…` under `hash`."""
    name, _, value = str(archive.get("hash") or "").partition("=")
    return str((archive.get("hashes") or {}).get("sha256") or (value if name == "sha256" else ""))


def _plain(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark:
        return ""
    place, slash, path = rest.partition("/")
    return scheme + mark + place.rpartition("@")[2] + slash + path.partition("?")[0].partition("#")[0]


def _path(cache: str, digest: str) -> str:
    parts: List[str] = [cache, "captures", digest]
    return os.path.join(*parts)
