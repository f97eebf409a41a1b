"""The environment of a run on its host: made there from the plan of its lock, with what this machine has to send for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.hosts.base import Host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Tell = Callable[[str], None]
_ROUNDS = 4  # of sending: a host that then still lacks something lacks what it was sent
_NONE: Mapping[str, str] = MappingProxyType({})
_WAIT = 2.0  # seconds until the host says what it is at


@dataclass(frozen=True)
class Ways:
    """How packages come to a host. `fetch`: it fetches them itself, or ("dev") this machine does; what it cannot fetch this
    machine does in any case. `labels`: where else packages are looked for that their channels have lost. `unpack` brings what was
    put by, once there is something to be made."""

    fetch: str = "host"
    labels: tuple[str, ...] = ()
    unpack: Callable[[], object] = bool


def ensure_environment(host: Host, plan: Mapping[str, Any], tell: Tell, ways: Ways = Ways()) -> dict[str, Any]:
    """The record of the environment; where it is there already, that is one short question, else the record says `is_new`.

    Raises what `Host.ask` raises.
    """
    question = {"op": "env", "digest": plan["digest"], "wait": _WAIT}
    answer = host.ask(question)
    if "record" in answer:
        return dict(answer["record"])
    ways.unpack()
    making = _Making(host, dict(plan), tell, ways, answer)
    for _ in range(_ROUNDS):
        answer = making.attempt(question)
        if "record" in answer:
            return {**answer["record"], "is_new": True}
        making.send(answer)
    raise ToolError(f"{host.name} cannot make the environment: it lacks what it was sent", hint=f"reprun doctor --on {host.name}")


class _Making:
    def __init__(self, host: Host, plan: dict[str, Any], tell: Tell, ways: Ways, absent: Mapping[str, Any]) -> None:
        self.host, self.plan, self.tell, self.fetch, self.labels = host, plan, tell, ways.fetch, list(ways.labels)
        self.sources: dict[str, str] = {}  # of packages that were sent and are not from where the lock says
        self.platform, self.glibc = str(absent.get("platform", "")), str(absent.get("glibc", ""))
        self.tools = self._tools()

    def attempt(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Asks until there is an answer that is not only about the time it takes."""
        fetch = "host" if self.host.is_here else self.fetch
        whole = {**question, "plan": self.plan, "tools": self.tools, "fetch": fetch, "may_send": not self.host.is_here}
        whole |= {"labels": self.labels, "sources": self.sources}
        answer = self.host.ask(whole)
        while "doing" in answer or "absent" in answer:
            if answer.get("doing"):
                self.tell(f"making the environment on {self.host.name}: {answer['doing']}")
            request = whole if "absent" in answer else question
            answer = self.host.ask({**request, "awaited": answer["awaited"]})
        return answer

    def send(self, answer: Mapping[str, Any]) -> None:
        """Brings the host what it lacks; with packages that it could not fetch, only from here."""
        self.fetch = "dev" if answer["lacks"] else self.fetch
        if "rattler" in answer["tools"]:
            self._send_tool("rattler")
        if "python" in answer["tools"]:
            self._send_tool("python")
        if "pip" in answer["tools"]:
            self._send_pip()
        self._send_packages(answer)

    def _send_pip(self) -> None:
        tool = self.tools["pip"]
        self._send([[tool["sha256"], tool["size"]]], [tool["name"]], {}, "pip")

    def _tools(self) -> dict[str, Any]:
        from reprun.env.tools import local_tools, name_of_python, pip_of_python, python_of, rattler_name

        if "python" in self.plan:
            return pip_of_python()
        if self.host.is_here:
            return local_tools()
        return {"rattler": {"name": rattler_name(self.platform)}, "python": {"name": name_of_python(python_of(self.plan))}}

    def _send_tool(self, kind: str) -> None:
        from reprun.env.tools import pack_python, pack_rattler, python_of
        from reprun.runner.lfs import object_path

        if kind == "rattler":
            self.tell("packing the installer of environments")
            tool = pack_rattler(self.platform, self.glibc)
        else:
            packages = python_of(self.plan)
            if not any(one["name"] == "python" for one in packages):
                raise ToolError(
                    f"{self.host.name} has only an old Python, and the environment none: the installer of packages needs 3.10",
                    hint='python = "<a newer Python there>" in [targets]',
                )
            self.tell("packing a Python for the installer of environments")
            storage, archives = self._fetched(packages)
            paths = {one["file"]: object_path(storage, oid) for one, (oid, _) in zip(packages, archives, strict=True)}
            tool = pack_python(self.tools["python"]["name"], paths)
        self.tools[kind] = tool.data()
        self._send([[tool.sha256, tool.size]], [tool.name], {}, "the installer of environments")

    def _send_packages(self, answer: Mapping[str, Any]) -> None:
        lacking = list(answer["lacks"])
        if not lacking:
            return
        self.tell(
            f"{self.host.name} cannot fetch packages ({answer['why']}): fetching them here"
            if answer["why"]
            else "fetching packages"
        )
        _, archives = self._fetched(lacking, answer.get("gone", {}))
        self._note_digests({one["file"]: oid for one, (oid, _) in zip(lacking, archives, strict=True)})
        there = {str(oid): int(size) for oid, size in answer["there"]}
        self._send(archives, [one["file"] for one in lacking], there, "packages")

    def _fetched(self, packages: list[dict[str, Any]], gone: Mapping[str, str] = _NONE) -> tuple[str, list[list[Any]]]:
        """Where the packages are on this machine, and of each SHA-256 and size."""
        from reprun.hosts.local import LocalHost

        answer = LocalHost().ask({"op": "packages", "packages": packages, "gone": dict(gone), "labels": self.labels})
        self.sources |= answer["sources"]
        return str(answer["storage"]), list(answer["archives"])

    def _note_digests(self, digests: Mapping[str, str]) -> None:
        """A package of which the channel says only the MD5 is sent by the SHA-256 of what that has led to."""
        self.plan["packages"] = [
            one if one["sha256"] or one["file"] not in digests else {**one, "sha256": digests[one["file"]], "md5_only": True}
            for one in self.plan["packages"]
        ]

    def _send(self, archives: list[list[Any]], names: list[str], there: Mapping[str, int], what: str) -> None:
        from reprun.commands.contents import Source, send
        from reprun.runner.paths import Home, home

        known = {str(oid): (name, int(size)) for name, (oid, size) in zip(names, archives, strict=True)}
        source = Source(Home(home()).packages, known, what, {"packages": True})
        send(self.host, source, [[oid, there.get(oid, 0)] for oid in known], self.tell)
