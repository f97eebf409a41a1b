"""What of a host's list is brought. The list may be a hostile host's."""

from __future__ import annotations

import pytest

from reprun.results.choosing import Remote, Wish, choose, leads_inside, parse_remote


def file(name: str, size: int = 1, kind: str = "file", link: str = "") -> Remote:
    return Remote(name, kind, size, 0, link)


@pytest.mark.parametrize(
    "name",
    [
        "../x", "output/../../x", "output/..", "/etc/passwd", "output//x", "output/./x", "", "output", "tree", ".bashrc", "x/y",
        "launch.json", "output/a\0b", "output/" + "x" * 256, "manifest.toml/x", "outputs/x", "output/x/", ".arriving/x",
    ],
)  # fmt: skip
def test_no_name_leads_elsewhere(name: str) -> None:
    choice = choose([file(name), file(name, kind="link", link="x")], Wish())
    assert not choice.files and not choice.links and len(choice.left) == 2


@pytest.mark.parametrize(
    ("name", "link", "inside"),
    [
        ("output/l", "x", True), ("output/l", "sub/x", True), ("output/a/l", "../x", True), ("output/a/l", "..", True),
        ("output/l", ".", True), ("output/a/b/l", "../../x", True), ("output/l", "../x", False), ("output/l", "..", False),
        ("output/a/l", "../../x", False), ("output/l", "/etc", False), ("output/l", "x/../y", False), ("output/l", "", False),
        ("output/a/l", "./../../output/x", False), ("output/l", "a\0b", False), ("tree/p/l", "../../x", False),
    ],
)  # fmt: skip
def test_links_stay_inside(name: str, link: str, inside: bool) -> None:
    assert leads_inside(name.split("/"), link) is inside


def test_records_come_whatever_is_wished() -> None:
    records = [file("manifest.toml", 9), file("outcome.json", 9), file("config.yaml", 9), file("metrics.jsonl", 9)]
    logs, outputs = [file("stdout.log", 9), file("stderr.log", 2)], [file("output/a", 9), file("output/b", 2)]
    choice = choose([*records, *logs, *outputs], Wish(max_size=5))
    assert choice.files == [*records, logs[1], outputs[1]]
    assert [item for item, _ in choice.left] == [logs[0], outputs[0]]
    assert choose([*records, *outputs], Wish(outputs=False)).files == records
    assert choose([*records, *outputs], Wish(patterns=("b",))).files == [*records, outputs[1]]


def test_a_record_that_is_a_link_is_left() -> None:
    choice = choose([file("stdout.log", kind="link", link="output/x"), file("metrics.jsonl", kind="other")], Wish())
    assert not choice.files and not choice.links and len(choice.left) == 2


def test_patterns_are_those_of_what_show_lists() -> None:
    names = ["output/a.json", "output/sub/b.json", "output/sub/c.bin", "tree/results/d.json"]
    found = [file(name) for name in names]

    def chosen(*patterns: str) -> list[str]:
        return [item.name for item in choose(found, Wish(patterns)).files]

    assert chosen("*.json") == [names[0], names[1], names[3]]
    assert chosen("sub") == [names[1], names[2]]
    assert chosen("/a.json", "sub/*.bin") == [names[0], names[2]]
    assert chosen("tree/results/*") == [names[3]]


def test_carried_files_are_no_outputs() -> None:
    assert choose([file("tree/x/.env"), file("tree/x/y")], Wish(without={"tree/x/.env"})).files == [file("tree/x/y")]


@pytest.mark.parametrize(
    "entry",
    [None, [], "text", ["output/a", "file", -1, 0, ""], ["output/\u20ac", "file", 1, 0, ""], [1, "file", 1, 0, ""],
     ["output/a", "file", 1 << 70, 0, ""], ["output/a", "file", 1.5, 0, ""], ["output/a", "link", 1, 0, None]],
)  # fmt: skip
def test_lines_that_cannot_be(entry: object) -> None:
    assert parse_remote(entry) is None


def test_names_are_bytes() -> None:
    item = parse_remote(["output/\xff\xc3\xa9", "file", 1, 2, ""])
    assert item is not None and item.path == "output/\udcff\u00e9" and item.output == "\udcff\u00e9"
