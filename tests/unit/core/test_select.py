"""How a run is named on the command line, and what the filters of `ls` let through."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from reprun.core import select
from reprun.core.errors import UsageError
from reprun.core.select import Selector, Where, parse_selector, parse_since, parse_where

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=timezone.utc)
RUN_ID = "20261121-031622-m4k7qx"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RUN_ID, Selector("id", RUN_ID)),
        ("2026", Selector("prefix", "2026")),
        ("20261121-", Selector("prefix", "20261121-")),
        ("20261121-031622-m4", Selector("prefix", "20261121-031622-m4")),
        ("baseline", Selector("name", "baseline")),
        ("2026-11-21", Selector("name", "2026-11-21")),
        ("1e3", Selector("name", "1e3")),
        (f"{RUN_ID}x", Selector("name", f"{RUN_ID}x")),
        ("٣", Selector("name", "٣")),  # a digit, but not one of a run id
        ("@last", Selector("last")),
        ("@last~0", Selector("last")),
        ("@last~12", Selector("last", back=12)),
    ],
)
def test_parse_selector(text: str, expected: Selector) -> None:
    assert parse_selector(text) == expected


@pytest.mark.parametrize("text", ["", "@", "@first", "@last~", "@last~-1", "@last~x", "@last2", "@last~9999999999", "@last~²"])
def test_selectors_that_mean_nothing_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_selector(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "@last", "@x", "-x", "7", "2026", RUN_ID, "20261121-031622-"])
def test_reserved_names(text: str) -> None:
    assert select.is_reserved_name(text)


@pytest.mark.parametrize("text", ["baseline", "a", "lr0.1", "2026-11-21", "7b", "last", "20261121-evening", f"{RUN_ID}-2"])
def test_names_that_may_be_given(text: str) -> None:
    assert not select.is_reserved_name(text)


@pytest.mark.parametrize(
    ("text", "key", "op", "value"),
    [
        ("lr=0.1", "lr", "=", "0.1"),
        ("lr==0.1", "lr", "=", "0.1"),
        ("acc > 0.9", "acc", ">", "0.9"),
        ("acc>=0.9", "acc", ">=", "0.9"),
        ("loss<1e-3", "loss", "<", "1e-3"),
        ("loss<=1", "loss", "<=", "1"),
        ("optimizer.name!=sgd", "optimizer.name", "!=", "sgd"),
        ("note=a=b>c", "note", "=", "a=b>c"),
        ("note=", "note", "=", ""),
    ],
)
def test_parse_where(text: str, key: str, op: str, value: str) -> None:
    assert parse_where(text) == Where(key, op, value)


@pytest.mark.parametrize("text", ["", "lr", "=1", ">3", "lr>", "lr<=", "lr!1"])
def test_conditions_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_where(text)
    assert caught.value.hint


CONFIG = {
    "lr": 0.10, "text_lr": "1e-1", "epochs": 10, "big": 2**80, "amp": True, "off": False, "none": None,
    "name": "resnet", "day": "2026-11-21", "empty": [], "nan": float("nan"), "both": 1,
}  # fmt: skip
METRICS = {"acc": 0.93, "both": 2, "inf": float("inf")}


@pytest.mark.parametrize(
    "text",
    [
        "lr=0.1", "lr=0.10", "lr=1e-1", "lr!=0.2", "lr<0.2", "lr>=0.1", "lr!=sgd", "text_lr=0.1", "text_lr<1",
        "epochs=10", "epochs=10.0", "epochs=1e1", f"big={2**80}", f"big!={2**80 + 1}", "amp=true", "amp=True",
        "amp!=false", "off=false", "none=null", "none=", "none!=1", "name=resnet", "name!=vgg", "name<s",
        "day>2026-11-01", "empty=[]", "nan=nan", "nan!=1", "acc>0.9", "acc<=0.93", "both=1", "inf>1e300", "seed=7", "seed<8",
    ],
)  # fmt: skip
def test_where_matches(text: str) -> None:
    assert parse_where(text).matches(CONFIG, METRICS, 7)


@pytest.mark.parametrize(
    "text",
    [
        "lr=0.2", "lr=sgd", "lr>sgd", "lr<sgd", "epochs=1_0", f"big={2**80 + 1}", "amp=1", "amp=false", "amp>0", "off=0",
        "none=1", "none>0", "none!=null", "name=RESNET", "nan=1", "nan!=nan", "nan<1", "nan>=nan", "both=2", "seed=8",
        "missing=1", "missing!=1", "missing=",
    ],
)  # fmt: skip
def test_where_does_not_match(text: str) -> None:
    assert not parse_where(text).matches(CONFIG, METRICS, 7)


def test_a_seed_of_the_config_comes_before_that_of_the_run() -> None:
    assert parse_where("seed=1").matches({"seed": 1}, {}, 7)
    assert not parse_where("seed=7").matches({"seed": 1}, {}, 7)
    assert not parse_where("seed=7").matches({}, {}, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", "20261121-115915"),
        ("30m", "20261121-113000"),
        ("2h", "20261121-100000"),
        ("1.5h", "20261121-103000"),
        ("3d", "20261118-120000"),
        ("2w", "20261107-120000"),
        ("2026-11-01", "20261101-000000"),
        ("2026-11-01T14:30", "20261101-143000"),
        ("2026-11-01T14:30+02:00", "20261101-123000"),
        ("2026-11-01T14:30:05Z", "20261101-143005"),
        ("0900-01-01", "09000101-000000"),
    ],
)
def test_parse_since(text: str, expected: str) -> None:
    assert parse_since(text, NOW) == expected


def test_a_date_is_a_day_of_the_user_s_own_zone() -> None:
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    assert parse_since("2026-11-01", berlin) == "20261031-230000"
    assert parse_since("2h", berlin) == "20261121-100000"


@pytest.mark.parametrize(
    "text", ["", "d", "h2", "2y", "yesterday", "2026-13-01", "99999999999d", "1.2.3h", "²h", "-2h", "0001-01-01T00:00+23:00"]
)
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_since(text, NOW)
    assert caught.value.hint


def test_states_and_commits_are_checked() -> None:
    assert select.parse_state("failed") == "failed"
    assert select.parse_commit("ABC123") == "abc123"
    for parse, text in ((select.parse_state, "done"), (select.parse_commit, "main"), (select.parse_commit, "")):
        with pytest.raises(UsageError):
            parse(text)
