"""`conda`, as much of it as `conda-lock install` asks for, on py-rattler. Run as a program: conda-lock is given it with --conda.

    rattler_conda.py --version
    rattler_conda.py create --prefix PREFIX --file EXPLICIT
    rattler_conda.py run --prefix PREFIX COMMAND …

Variable: CONDA_PKGS_DIRS, the package cache.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

os.chdir("/")  # py-rattler looks at the current folder when it is imported
import rattler  # noqa: E402


async def record(line: str) -> rattler.RepoDataRecord:
    """A line of an explicit list: an archive, which must have the digest that the line says."""
    url, _, digest = line.partition("#")
    path = Path(unquote(urlsplit(url).path))
    found = await rattler.RepoDataRecord.from_package_archive(path)
    data = path.read_bytes()
    found.md5, found.sha256 = hashlib.md5(data).digest(), hashlib.sha256(data).digest()
    if found.md5.hex() != digest:
        raise SystemExit(f"{url} has another hash")
    found.url, found.channel = url, url.rsplit("/", 2)[0]
    return found


async def create(prefix: str, explicit: str) -> None:
    """Makes the environment."""
    lines = [line.strip() for line in Path(explicit).read_text().splitlines()]
    records = [await record(line) for line in lines if line and line[0] not in "#@"]
    os.makedirs(prefix, exist_ok=True)
    cache = os.environ["CONDA_PKGS_DIRS"]
    await rattler.install(records, target_prefix=prefix, cache_dir=cache, show_progress=False)


def main() -> int:
    """Reads the words."""
    parser = argparse.ArgumentParser(prog="conda")
    parser.add_argument("--version", action="version", version="conda 24.9.0")
    parser.add_argument("command", choices=["create", "run"])
    parser.add_argument("--prefix")
    parser.add_argument("--file")
    for flag in ("--quiet", "--yes", "--copy"):
        parser.add_argument(flag, action="store_true")
    words, rest = parser.parse_known_args()
    if words.command == "run":
        env = {**os.environ, "PATH": f"{words.prefix}/bin:{os.environ['PATH']}"}
        return subprocess.run([f"{words.prefix}/bin/python", "-m", *rest], env=env, check=False).returncode
    asyncio.run(create(words.prefix, words.file))
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # py-rattler may crash while Python ends
