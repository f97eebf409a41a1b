"""Keeps the index in line with the refs: writers with `sync`, whoever only looks with `view`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.store.index import Index, is_damaged
from reprun.store.opening import ensure_index, find_index, memory_index
from reprun.store.refs import MANIFESTS, OUTCOMES, ListRefs, RunRefs, Stamp, list_loose, list_runs, read_stamp
from reprun.store.rows import DAMAGED, ParseConfig, Row, manifest_row, with_outcome

MAX_BEHIND = 200  # a look that finds more news than this writes them down instead of reading them each time
SETTLED_NS = 20_000_000  # two ticks of the slowest clock of a file system (100 Hz)
MAX_LOOSE = 2000  # more loose refs than this are not remembered: then all are listed each time
_NONE = "-"  # tells "no loose ref" from "not remembered"
_BATCH = 500


@dataclass(frozen=True)
class Sources:
    """What this room may not do itself: ask Git, parse a config, look at the clock.

    `read_blobs` takes full ref names and yields the content of each in the same order, None for what is not
    there; it may be given 200,000, so it must read while it writes. `list_refs` serves repositories whose
    refs are not plain files.
    """

    read_blobs: Callable[[list[str]], Iterator[bytes | None]]
    list_refs: ListRefs
    parse_config: ParseConfig
    now_ns: Callable[[], int]
    pause: Callable[[float], None]
    tell: Callable[[str], object] = id  # hears how far a long reading is


@dataclass(frozen=True)
class News:
    """How the refs differ from the index: runs it lacks, runs whose end it lacks, runs that are gone."""

    missing: tuple[str, ...]
    ended: tuple[str, ...]
    dropped: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.missing) + len(self.ended) + len(self.dropped)


def view(path: str, common_dir: str, sources: Sources) -> Index:
    """The index for a look, in line with the refs of now. When it is there and fresh no byte is written.

    News are laid over it in memory; only a missing, damaged or far outdated one is filled, if it can be.
    """
    index = find_index(path)
    try:
        if index is None or not _overlay_news(index, common_dir, sources):
            index = _fill_again(path, common_dir, sources)
    except ToolError:  # damaged in the middle
        index = _fill_again(path, common_dir, sources, anew=True)
    index.repair = lambda: _fill_again(path, common_dir, sources, anew=True)
    return index


def sync(path: str, common_dir: str, sources: Sources, rows: Iterable[Row] = (), *, anew: bool = False) -> bool:
    """Writes `rows` and whatever else is new in the refs into the index.

    False when it cannot be written, which harms nothing. Call it after the refs of a run were made, never
    before: a row without a ref counts as deleted.
    """
    rows = list(rows)
    for again in (anew, True):
        try:
            with ensure_index(path, anew=again) as index:
                index.add(*rows)
                _write_news(index, common_dir, sources)
            return True
        except ToolError as error:
            if not is_damaged(error.__cause__):
                return False
    return False


def note(path: str, *rows: Row) -> None:
    """Writes rows that are known to be right, without looking at the refs: for a launch, which must not wait.

    The stamp stays as it was, so whoever looks next lists the refs and finds nothing missing.
    """
    try:
        with ensure_index(path) as index:
            index.add(*rows)
    except ToolError:
        return  # a cache: what is missing is found again


def _overlay_news(index: Index, common_dir: str, sources: Sources) -> bool:
    """Lays what is new over the index; False when that is so much that it ought to be written down."""
    if index.get_meta("stamp") == read_stamp(common_dir).text:
        return True
    news, refs = _find_news(index, common_dir, sources)
    if len(news) > MAX_BEHIND:
        index.close()
        return False
    if news:
        index.overlay(_make_rows(index, news, refs, sources), news.dropped)
    return True


def _fill_again(path: str, common_dir: str, sources: Sources, *, anew: bool = False) -> Index:
    """The index after filling it: on disk when reading it all each time would be slow and that is possible, else in memory."""
    if len(list_runs(common_dir, sources.list_refs).manifests) > MAX_BEHIND and sync(path, common_dir, sources, anew=anew):
        index = find_index(path)
        if index is not None:
            return index
    index = memory_index()
    _write_news(index, common_dir, sources)
    return index


def _write_news(index: Index, common_dir: str, sources: Sources) -> None:
    stamp = read_stamp(common_dir)
    if index.get_meta("stamp") == stamp.text:
        return
    # Let the file system's clock tick on, or the stamp is worthless (see Stamp); one of the future always is.
    young = SETTLED_NS - (sources.now_ns() - stamp.newest_ns)
    if 0 < young <= SETTLED_NS:
        sources.pause(young / 1e9)
        stamp = read_stamp(common_dir)
    is_settled = sources.now_ns() - stamp.newest_ns >= SETTLED_NS
    loose = list_loose(common_dir).manifests
    news, refs = _find_news(index, common_dir, sources)
    rows = _make_rows(index, news, refs, sources)
    done, whole = 0, len(news.missing) + len(news.ended)
    while batch := list(islice(rows, _BATCH)):  # a fill that is killed half way goes on from here the next time
        index.add(*batch)
        done += len(batch)
        sources.tell(f"reading the records of runs, {done:,} of {whole:,}")
    if news.dropped:
        index.drop(news.dropped)
    index.set_meta("loose", " ".join([_NONE, *loose]) if len(loose) <= MAX_LOOSE else "")
    index.set_meta("stamp", stamp.text if is_settled else "")


def _find_news(index: Index, common_dir: str, sources: Sources) -> tuple[News, RunRefs]:
    found = _find_loose_news(index, common_dir)
    if found is not None:
        return found
    known, unended = index.ids(), index.unended()  # before the refs: what is added in between must not look deleted
    refs = list_runs(common_dir, sources.list_refs)
    ended = (run_id for run_id in unended if run_id in refs.outcomes)
    return News(_valid(refs.manifests - known), tuple(ended), tuple(known - refs.manifests)), refs


def _find_loose_news(index: Index, common_dir: str) -> tuple[News, RunRefs] | None:
    """The news when the packed refs are as they were at the last sync, which is so after a launch: then only the few loose
    ones can hold any. None when that is not sure, and all have to be listed."""
    before, now = Stamp(index.get_meta("stamp"), 0), read_stamp(common_dir)
    known = index.get_meta("loose")
    if not known or before.packed != now.packed or not now.packed.endswith(" -"):
        return None
    unended = index.unended()
    loose = list_loose(common_dir)
    if read_stamp(common_dir).packed != now.packed:  # packed while we looked
        return None
    missing = _valid(run_id for run_id in loose.manifests if index.find(run_id) is None)
    ended = tuple(run_id for run_id in unended if run_id in loose.outcomes)
    return News(missing, ended, tuple(set(known.split()) - loose.manifests - {_NONE})), loose


def _valid(run_ids: Iterable[str]) -> tuple[str, ...]:
    run_ids = sorted(run_ids)
    if not run_ids:
        return ()
    from reprun.core.ids import is_run_id

    return tuple(run_id for run_id in run_ids if is_run_id(run_id))


def _make_rows(index: Index, news: News, refs: RunRefs, sources: Sources) -> Iterator[Row]:
    """A row for each run that is missing and each whose end is news, from one conversation with Git."""
    names: list[str] = []
    for run_id in news.missing:
        names.append(MANIFESTS + run_id)
        if run_id in refs.outcomes:
            names.append(OUTCOMES + run_id)
    names.extend(OUTCOMES + run_id for run_id in news.ended)
    if not names:
        return
    blobs = iter(sources.read_blobs(names))
    for run_id in news.missing:
        text = next(blobs, None)
        row = manifest_row(run_id, text, sources.parse_config) if text is not None else Row(run_id, reason="manifest is missing")
        yield _with_end(row, next(blobs, None)) if run_id in refs.outcomes else row
    for run_id in news.ended:
        known, text = index.find(run_id), next(blobs, None)
        if known is not None:
            yield _with_end(known, text)


def _with_end(row: Row, text: bytes | None) -> Row:
    return row if text is None or row.reason == DAMAGED else with_outcome(row, text)
