"""`conda`, as much of it as conda-lock asks for, on py-rattler: the solver of pixi, which is a wheel. Run as a program only.

    shim --version | info --json
    shim create  -p PREFIX --dry-run --json [-c CHANNEL …] SPEC …
    shim install -p PREFIX --dry-run --json [-c CHANNEL …] SPEC …
    shim list    -p PREFIX --json

Variables: CONDA_SUBDIR and CONDA_OVERRIDE_… as conda-lock sets them; REPRUN_SOLVER_CACHE, a folder for what channels say;
REPRUN_SOLVER_SAYS, a file for what is being done and why it failed; REPRUN_SOLVER_SILENCE, the seconds in which nothing may come.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rattler
from rattler.networking import AddHeadersMiddleware, Client

from reprun.env.silence import unless_silent
from reprun.runner.credentials import basic, find_secret

CONDA_VERSION = "24.9.0"  # the conda whose command line this is
_SILENCE = 30.0  # seconds
_OVERRIDE = "CONDA_OVERRIDE_"


def platform() -> str:
    """The platform to solve for."""
    return os.environ.get("CONDA_SUBDIR") or str(rattler.Subdir.current())


def virtual_packages() -> list[Any]:
    """Those that conda-lock says, also for other platforms; an empty one is not there."""
    found = []
    for variable, text in sorted(os.environ.items()):
        if variable.startswith(_OVERRIDE) and text:
            name = "__" + variable.removeprefix(_OVERRIDE).lower()
            version, build = ("1", text) if name == "__archspec" else (text, "0")
            found.append(
                rattler.GenericVirtualPackage(
                    rattler.PackageName(name), rattler.Version(version), rattler.package.BuildString(build)
                )
            )
    return found or list(rattler.VirtualPackage.detect())


def client_for(channels: list[str]) -> Any:
    """Asks servers with the passwords that ~/.netrc has for them; None where it has none of these channels."""
    known = {urlsplit(url).hostname or "": find_secret(url)[1] for url in channels if "://" in url and "@" not in url}
    headers = {host: {"Authorization": basic(secret)} for host, secret in known.items() if secret}
    return Client([AddHeadersMiddleware(lambda host, path: headers.get(host))]) if headers else None


async def solve(channels: list[str], specs: list[str], locked: list[Any]) -> list[Any]:
    """The records of an environment that has what the `specs` want."""
    tell(f"reading {len(channels)} channels for {platform()}, solving for {len(specs)} packages")
    cache = os.environ.get("REPRUN_SOLVER_CACHE")
    solving = rattler.solve(
        [rattler.Channel(name) for name in channels],
        [rattler.MatchSpec(with_address(spec, channels)) for spec in specs],
        platforms=[rattler.Subdir(platform()), rattler.Subdir("noarch")],
        locked_packages=locked,
        virtual_packages=virtual_packages(),
        gateway=rattler.Gateway(cache_dir=Path(cache) if cache else None, client=client_for(channels)),
    )
    records = await unless_silent(solving, float(os.environ.get("REPRUN_SOLVER_SILENCE") or _SILENCE))
    return [record for record in records if not record.name.normalized.startswith("__")]


def with_address(spec: str, channels: list[str]) -> str:
    """`NAME::PACKAGE`, for a channel that is given by its address: conda-lock keeps only the end of that."""
    name, mark, rest = spec.partition("::")
    found = [url for url in channels if mark and "://" in url and url.rstrip("/").endswith(f"/{name}")]
    return f"{found[0].rstrip('/')}::{rest}" if found else spec


def action(record: Any) -> dict[str, Any]:
    """A record as conda's answer lists it."""
    build = str(json.loads(record.to_json())["build"])
    return {
        "name": record.name.normalized, "version": str(record.version), "build": build, "build_string": build,
        "build_number": record.build_number, "channel": record.channel, "base_url": record.url.rsplit("/", 2)[0],
        "platform": record.subdir, "subdir": record.subdir, "url": record.url, "fn": record.file_name,
        "dist_name": re.sub(r"(\.conda|\.tar\.bz2)$", "", record.file_name), "md5": record.md5.hex() if record.md5 else "",
        "sha256": record.sha256.hex() if record.sha256 else None, "depends": record.depends, "constrains": record.constrains,
        "size": record.size,
    }  # fmt: skip


def create(words: argparse.Namespace) -> int:
    """`create` and `install`, which keeps what is installed and not named."""
    specs, locked = list(words.specs), []
    if words.command == "install":
        moving = {rattler.MatchSpec(spec).name.normalized for spec in specs}
        there = [rattler.PrefixRecord.from_path(path) for path in sorted(Path(words.prefix, "conda-meta").glob("*.json"))]
        locked = [record for record in there if record.name.normalized not in moving]
        specs += [record.name.normalized for record in locked]
    try:
        records = asyncio.run(solve(words.channel, specs, locked))
    except Exception as error:
        tell(json.dumps({"kind": type(error).__name__, "message": str(error)}))
        print(json.dumps({"error": str(error), "message": str(error), "exception_name": type(error).__name__, "success": False}))
        return 1
    have = {row["name"]: row for row in installed(words.prefix)} if words.command == "install" else {}
    new = [action(record) for record in records if have.get(record.name.normalized, {}).get("url") != record.url]
    actions = {"FETCH": new, "LINK": new, "PREFIX": words.prefix}
    print(json.dumps({"success": True, "prefix": words.prefix, "dry_run": True, "actions": actions}))
    return 0


def installed(prefix: str) -> list[dict[str, Any]]:
    """The records in a prefix."""
    return [json.loads(path.read_bytes()) for path in sorted(Path(prefix, "conda-meta").glob("*.json"))]


def list_installed(words: argparse.Namespace) -> int:
    """`list --json`."""
    rows = []
    for row in installed(words.prefix):
        known = {key: row.get(key) for key in ("name", "version", "channel", "url", "build_number", "fn")}
        dist = f"{row['name']}-{row['version']}-{row['build']}"
        rows.append({**known, "build_string": row["build"], "dist_name": dist, "platform": row.get("subdir")})
    print(json.dumps(rows))
    return 0


def info(words: argparse.Namespace) -> int:
    """`info --json`."""
    print(
        json.dumps({"pkgs_dirs": [os.environ.get("CONDA_PKGS_DIRS", "")], "platform": platform(), "conda_version": CONDA_VERSION})
    )
    return 0


def tell(text: str) -> None:
    """Adds a line to the file that reprun watches."""
    path = os.environ.get("REPRUN_SOLVER_SAYS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text + "\n")


def parse(argv: list[str]) -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(prog="conda")
    parser.add_argument("-V", "--version", action="version", version=f"conda {CONDA_VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, call in (("create", create), ("install", create), ("list", list_installed), ("info", info)):
        one = commands.add_parser(name)
        one.set_defaults(call=call)
        one.add_argument("-p", "--prefix", default="")
        one.add_argument("-c", "--channel", action="append", default=[])
        for flag in ("--dry-run", "--json", "--override-channels", "--no-pip"):
            one.add_argument(flag, action="store_true")
        one.add_argument("specs", nargs="*")
    return parser.parse_args(argv)


if __name__ == "__main__":
    try:
        words = parse(sys.argv[1:])
        status = words.call(words)
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: one process in eight that used py-rattler dies of a signal while Python finalizes, its work done.
    os._exit(status)
