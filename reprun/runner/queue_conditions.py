"""What a queued run waits for in other runs: pure rules on what is known of those."""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, NamedTuple
else:
    from reprun.runner.tuples import NamedTuple

MET, WAITS, NEVER = "met", "waits", "never"
NEEDLESS = "no retry is needed"
_OVER = ("finished", "failed", "stopped", "lost", "canceled")
_FAILED = ("failed", "lost")
_COMPARE: Dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
OPERATORS = tuple(_COMPARE)


class Answer(NamedTuple):
    """`met`, `waits` or `never`, and why."""

    what: str
    why: str = ""


def named(entry: Mapping[str, Any]) -> List[str]:
    """The runs that an entry speaks of."""
    found = [run for one in entry["after"] for run in _attempts(one)]
    found += _attempts(entry["if"]) if entry["if"] else []
    return found + ([entry["retry_of"]] if entry["retry_of"] else [])


def judge(entry: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> Answer:
    """Whether an entry may start, by the states (of `find_state`) of the runs it names; one that is missing is unknown here."""
    answers = [_after_any(one, states) for one in entry["after"]]
    if entry["if"]:
        answers.append(_if_any(entry["if"], states))
    if entry["retry_of"]:
        answers.append(_retry(entry["retry_of"], states.get(entry["retry_of"])))
    for what in (NEVER, WAITS):
        for answer in answers:
            if answer.what == what:
                return answer
    return Answer(MET)


def _waits(run: str, state: "Mapping[str, Any] | None") -> Answer:
    if state is None:
        return Answer(WAITS, "%s is not known on this host" % run)
    word = str(state["state"])
    return Answer(WAITS, "waits for %s%s" % (run, "" if word in ("running", "starting", "queued") else ", which is " + word))


def _attempts(wish: Mapping[str, Any]) -> List[str]:
    """The run that is waited for, and the further attempts at it."""
    return [wish["run"], *wish.get("or", ())]


def _after_any(wish: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> Answer:
    """The first attempt that is as wished for is enough, and none is over before the last one is."""
    answers = [_after({**wish, "run": run}, states.get(run)) for run in _attempts(wish)]
    for what in (MET, WAITS) if wish["ok"] else (WAITS, MET):
        for answer in answers:
            if answer.what == what:
                return answer
    return answers[0]


def _after(wish: Mapping[str, Any], state: "Mapping[str, Any] | None") -> Answer:
    if state is None or state["state"] not in _OVER:
        return _waits(wish["run"], state)
    if wish["ok"] and state["state"] != "finished":
        return Answer(NEVER, "%s %s" % (wish["run"], _words(state)))
    return Answer(MET)


def _if_any(wish: Mapping[str, Any], states: Mapping[str, Mapping[str, Any]]) -> Answer:
    """The attempt that has finished speaks for all of them; where none has, the last one that ran."""
    runs = _attempts(wish)
    words = {run: str((states.get(run) or {}).get("state", "")) for run in runs}
    ran = [run for run in runs if words[run] != "canceled"] or runs
    going = [run for run in ran if words[run] not in _OVER]
    run = next((run for run in runs if words[run] == "finished"), (going or ran[-1:])[0])
    return _if({**wish, "run": run}, states.get(run))


def _if(wish: Mapping[str, Any], state: "Mapping[str, Any] | None") -> Answer:
    if state is None or state["state"] not in _OVER:
        return _waits(wish["run"], state)
    value = metric_of(state.get("record") or {}, str(wish["metric"]))
    if value is None:
        return Answer(NEVER, "%s %s and has no metric %s" % (wish["run"], _words(state), wish["metric"]))
    if _COMPARE[wish["op"]](value, float(wish["value"])):
        return Answer(MET)
    said = (wish["run"], wish["metric"], value, wish["op"], wish["value"])
    return Answer(NEVER, "its condition is not met: %s.%s is %.6g, not %s %.6g" % said)


def metric_of(record: Mapping[str, Any], name: str) -> "float | None":
    """The last value of a metric; `loss.min` and `loss.max` are those, unless a metric has that name."""
    metrics = record.get("metrics") or {}
    base, _, which = name.rpartition(".")
    found = metrics.get(name, {}).get("last")
    if found is None and which in ("last", "min", "max"):
        found = metrics.get(base, {}).get(which)
    try:
        return None if found is None or isinstance(found, bool) else float(found)  # "NaN" and "Infinity" are words in JSON
    except (TypeError, ValueError):
        return None


def _retry(run: str, state: "Mapping[str, Any] | None") -> Answer:
    if state is None or state["state"] not in _OVER:
        return _waits(run, state)
    return Answer(MET) if state["state"] in _FAILED else Answer(NEVER, "%s %s: %s" % (run, _words(state), NEEDLESS))


def _words(state: Mapping[str, Any]) -> str:
    word = str(state["state"])
    reason = str(state.get("reason") or "")
    if word == "failed" and state.get("exit_code") is not None:
        return "failed with %d" % state["exit_code"]
    return {"stopped": "was stopped", "lost": "was lost", "canceled": "was canceled"}.get(word, word) + (
        " (%s)" % reason if word == "lost" and reason else ""
    )
