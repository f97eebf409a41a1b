"""Virtual packages: what a machine has that no channel delivers (`__glibc`, `__cuda`, `__archspec`), as conda calls it."""

from __future__ import annotations

from collections.abc import Mapping

# What is assumed of a platform of which no machine is asked: the values of conda-lock, without a GPU.
_ASSUMED = {
    "linux-64": {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "x86_64"},
    "linux-aarch64": {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "aarch64"},
    "linux-ppc64le": {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "ppc64le"},
    "osx-64": {"__unix": "0", "__osx": "11.0", "__archspec": "x86_64"},
    "osx-arm64": {"__unix": "0", "__osx": "11.0", "__archspec": "arm64"},
    "win-64": {"__win": "0", "__archspec": "x86_64"},
}


def assumed(platform: str) -> dict[str, str]:
    """The virtual packages of a platform of which no machine is at hand."""
    return dict(_ASSUMED.get(platform, {}))


def with_overrides(virtual: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, str]:
    """The virtual packages as the user wants them seen; an empty version takes one away."""
    return {name: text for name, text in sorted({**virtual, **overrides}.items()) if text}
