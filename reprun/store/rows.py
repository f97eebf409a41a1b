"""One run as the index holds it, made from the two records that Git keeps: manifest and outcome."""

from __future__ import annotations

from collections.abc import Callable

from reprun.core.frozen import dataclass, replace
from reprun.core.outcome import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.core.manifest import Manifest

ParseConfig = Callable[[str, str], object]  # (text, format) -> the config's values
MAX_JSON = 1 << 18  # a config beyond this size is not searched by `--where`; `show` still has it
NO_OUTCOME = "no outcome recorded"
DAMAGED = "damaged manifest"


@dataclass(frozen=True)
class Row:
    """One run as the index knows it. The JSON texts hold flat mappings, `created` and `ended` ISO times."""

    run_id: str
    name: str = ""
    why: str = ""
    created: str = ""
    commit_id: str = ""
    parent: str = ""
    target: str = ""
    run_dir: str = ""
    config_json: str = "{}"
    metrics_json: str = "{}"
    state: str = "unknown"
    reason: str = ""
    exit_code: int | None = None
    ended: str = ""
    branch: str = ""
    command: str = ""
    seed: int | None = None

    @property
    def run_state(self) -> RunState:
        """The state as last recorded, for its words and its exit status."""
        return RunState(self.state, self.reason, self.exit_code)


def manifest_row(run_id: str, text: bytes, parse_config: ParseConfig) -> Row:
    """The row of a sealed manifest. A damaged one gives a row that says so: it must not hide the others."""
    # Imported here: a listing from a fresh index reads no manifest.
    from reprun.core.errors import ReprunError
    from reprun.store.manifests import parse_manifest

    try:
        manifest = parse_manifest(text, run_id)
    except (ReprunError, AttributeError, TypeError):
        return Row(run_id, reason=DAMAGED)
    if manifest.run_id != run_id:  # sealed, but for another run: a ref that was moved
        return Row(run_id, reason=DAMAGED)
    return row_of(manifest, config_json(manifest.table("config"), parse_config))


def row_of(manifest: Manifest, config: str) -> Row:
    """The row of a checked manifest; `config` holds its config's values as `flat_json` writes them."""
    import shlex

    data, code = manifest.data, manifest.table("code")
    return Row(
        run_id=manifest.run_id,
        name=manifest.name,
        why=str(data.get("why", "")),
        created=str(data["created"]),
        commit_id=manifest.commit,
        parent=str(data.get("parent", "")),
        target=str(manifest.table("target").get("name", "")),
        run_dir=str(manifest.table("target").get("run_dir", "")),
        config_json=config,
        reason=NO_OUTCOME,
        branch=str(code.get("branch", "")),
        command=shlex.join(manifest.argv),
        seed=_small(manifest.table("seeds").get("root")),
    )


def config_json(config: dict[str, Any], parse_config: ParseConfig) -> str:
    """The values of a manifest's `[config]` as a flat mapping in JSON; `{}` for an unreadable or huge one."""
    if not config.get("text") or len(str(config["text"])) > MAX_JSON:
        return "{}"
    from reprun.core.dotted import flatten

    try:
        values = parse_config(str(config["text"]), str(config.get("format", "")))
        return flat_json(flatten(values))
    except Exception:  # whatever a parser makes of a stranger's text, the run is listed
        return "{}"


def flat_json(values: dict[str, Any]) -> str:
    """A flat mapping in the one spelling that the index searches: no blanks, ASCII, odd values as texts."""
    import json

    text = json.dumps(values, separators=(",", ":"), default=str)
    return text if len(text) <= MAX_JSON else "{}"


def values_of(text: str) -> dict[str, Any]:
    """What `flat_json` wrote; nothing when it is damaged: the index is a cache that anybody may write to."""
    import json

    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def with_outcome(row: Row, text: bytes) -> Row:
    """`row` with what outcome.json says; unchanged when it says nothing that can be read."""
    from reprun.store.outcomes import parse_outcome

    data = parse_outcome(text, row.run_id)
    if data is None:
        return row
    reason = data.get("reason") or (data.get("stopped_by") if data["state"] == "stopped" else "")
    return replace(
        row,
        state=data["state"],
        reason=str(reason or ""),
        exit_code=data.get("exit_code"),
        ended=str(data.get("ended") or ""),
        metrics_json=flat_json(last_values(data.get("metrics"))),
    )


def last_values(metrics: Any) -> dict[str, Any]:
    """The last value of each metric of an outcome, by its name."""
    if not isinstance(metrics, dict):
        return {}
    return {str(name): value["last"] for name, value in metrics.items() if isinstance(value, dict) and "last" in value}


def _small(value: Any) -> int | None:
    """A number that SQLite can hold, or None: the records may be a stranger's."""
    return value if isinstance(value, int) and abs(value) < 1 << 63 else None
