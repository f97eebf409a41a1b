"""The config of a run: what the job gets, which `--set` are refused, and that the seed agrees."""

from __future__ import annotations

import os

import pytest
import yaml

from reprun.config.run_config import read_run_config, resolve
from reprun.core import seeds
from reprun.core.errors import UsageError

TEXT = "# comment\noptimizer: {lr: 1e-3, name: adam}\nepochs: 010\ndims: [4, 5]\n30: x\nday: 2024-01-01\n"
COMMAND = ("python", "train.py", "--config", "{config}")


def refused(*args):
    with pytest.raises(UsageError) as caught:
        resolve(*args)
    return caught.value


class TestText:
    def test_no_file_and_no_set_is_no_config(self):
        assert resolve(None, None, (), 7, COMMAND) is None

    @pytest.mark.parametrize("text", [TEXT, "", "a: 1\r\n", "\ufeffa: 1"])
    def test_a_file_stays_as_it_is(self, text):
        record = resolve("c.yaml", text, (), 7, COMMAND)
        assert record is not None
        assert (record.source, record.format, record.sets, record.text) == ("c.yaml", "yaml", (), text)

    def test_a_set_that_changes_nothing_leaves_the_text(self):
        record = resolve("c.yaml", TEXT, ["optimizer.lr=0.001", "epochs=10"], None, ())
        assert record.text == TEXT
        assert record.sets == ("optimizer.lr=0.001", "epochs=10")

    @pytest.mark.parametrize("item", ["a=1.0", "a=true", "a='1'"])
    def test_a_change_of_type_is_a_change(self, item):
        assert resolve("c.yaml", "a: 1 # x\n", [item], None, ()).text != "a: 1 # x\n"

    def test_values_are_set_at_their_path_and_written_anew(self):
        record = resolve("c.yaml", TEXT, ["optimizer.lr=1e-5", "dims.1=7", "+new.key=[1, null]"], None, ())
        assert record.values == {
            "optimizer": {"lr": 1e-05, "name": "adam"},
            "epochs": 10,
            "dims": [4, 7],
            "30": "x",
            "day": "2024-01-01",
            "new": {"key": [1, None]},
        }
        seen_by_job = yaml.safe_load(record.text)
        assert seen_by_job["optimizer"] == {"lr": 1e-05, "name": "adam"}
        original = yaml.safe_load(TEXT)
        assert {30, "day"} < set(seen_by_job)  # a key and a date that the job's parser reads as in the file itself
        assert seen_by_job["day"] == original["day"]

    def test_an_alias_is_set_alone(self):
        record = resolve("c.yaml", "a: &a {x: 1}\nb: *a\n", ["b.x=2"], None, ())
        assert record.values == {"a": {"x": 1}, "b": {"x": 2}}

    @pytest.mark.parametrize(
        ("source", "text", "expected"),
        [
            ("c.json", '{"lr": 1}', '{\n  "lr": 0.5\n}\n'),
            ("c.toml", "lr = 1\n", "lr = 0.5\n"),
            ("c.yml", "lr: 1", "lr: 0.5\n"),
        ],
    )
    def test_the_format_is_the_files(self, source, text, expected):
        assert resolve(source, text, ["lr=0.5"], None, ()).text == expected

    def test_without_a_file_it_is_yaml(self):
        record = resolve(None, None, ["a.b=1", "c="], None, COMMAND)
        assert (record.source, record.format, record.text) == ("", "yaml", "a:\n  b: 1\nc: ''\n")


class TestSet:
    @pytest.mark.parametrize("item", ["lr", "=1", "+=1", ""])
    def test_the_form(self, item):
        assert refused("c.yaml", TEXT, [item], None, ()).message.endswith("is not of the form key=value")

    @pytest.mark.parametrize("second", ["epochs=2", "+epochs=2"])
    def test_twice_is_refused(self, second):
        assert refused("c.yaml", TEXT, ["epochs=1", second], None, ()).message == "--set epochs is given twice"

    def test_an_unused_key_is_refused_with_the_nearest(self):
        error = refused("c.yaml", TEXT, ["optimizer.lrr=1"], None, COMMAND)
        assert error.message == "unused --set optimizer.lrr: c.yaml has no such key"
        assert error.hint == "did you mean optimizer.lr? to add a new key write --set +optimizer.lrr=value"
        assert refused("c.yaml", TEXT, ["lr=1"], None, ()).hint.startswith("did you mean optimizer.lr?")
        assert refused("c.yaml", TEXT, ["zzz=1"], None, ()).hint.startswith("to add a new key")

    def test_a_placeholder_is_a_use(self):
        assert resolve("c.yaml", "a: 1\n", ["m.lr=2"], None, ["x", "--lr={m.lr}"]).values == {
            "a": 1,
            "m": {"lr": 2},
        }
        assert resolve(None, None, ["m={lr: 2}"], None, ["{m.lr}"]).values == {"m": {"lr": 2}}
        assert resolve(None, None, ["seed=2"], None, ["{seed}"]).values == {"seed": 2}

    @pytest.mark.parametrize(
        ("item", "argv"),
        [("lr=1", ["x"]), ("lr=1", ["${lr}"]), ("output=1", ["{output}"]), ("m=1", ["{mm.x}"])],
    )
    def test_without_a_file_something_must_use_it(self, item, argv):
        error = refused(None, None, [item], None, argv)
        assert error.message.startswith(f"unused --set {item[:-2]}: there is no config file")
        assert "--config FILE" in error.hint

    def test_a_seed_that_is_set_by_mistake(self):
        assert refused("c.yaml", TEXT, ["seed=1"], None, ()).hint.startswith("the seed of the run is --seed N; ")
        assert refused(None, None, ["seed=1"], None, ["x"]).hint.startswith("the seed of the run is --seed N; ")

    def test_added_keys_need_no_use(self):
        assert resolve(None, None, ["+a=1"], None, ["x"]).values == {"a": 1}

    @pytest.mark.parametrize(
        ("item", "words"),
        [
            ("epochs.x=1", "below a value that is not a mapping"),
            ("+a..b=1", "is empty"),
            ("epochs=\udcff", "not valid Unicode"),
            ("epochs={a: 1, a: 2}", "--set epochs has the key 'a' twice"),
            ("epochs=1e999", "too large"),
        ],
    )
    def test_impossible_values(self, item, words):
        assert words in refused("c.yaml", TEXT, [item if item[0] == "+" else f"+{item}"], None, ()).message

    def test_what_the_format_cannot_hold(self):
        assert refused("c.toml", "a = 1\n", ["a=null"], None, ()).message == "a is null, which TOML cannot hold"
        assert refused("c.json", '{"a": 1}', ["a=.nan"], None, ()).message == "a is nan, which JSON cannot hold"

    def test_nothing_is_executed(self, tmp_path):
        item = f"epochs=!!python/object/apply:os.system ['touch {tmp_path}/x']"
        assert resolve("c.yaml", TEXT, [item], None, ()).values["epochs"] == item.partition("=")[2]
        assert not os.listdir(tmp_path)


class TestSeed:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("seed: 3\n", {"seed": 7}),
            ("seed: null\n", {"seed": 7}),
            ("seeds: 3\n", {"seeds": 7}),
            ("seeds: {root: 3, data: 1}\n", {"seeds": {"root": 7, "data": 1}}),
            ("seed: 1\nseeds: {root: 3}\n", {"seed": 7, "seeds": {"root": 7}}),
        ],
    )
    def test_the_option_wins_in_the_config_too(self, text, expected):
        record = resolve("c.yaml", text, (), 7, ())
        assert record.values == yaml.safe_load(record.text) == expected
        assert seeds.resolve(None, record.values, 0).root == 7

    @pytest.mark.parametrize(
        "text",
        [
            "seed: 7 # x\n",
            "a: 1 # x\n",
            "seeds: [1, 2] # x\n",
            "seeds: {data: 1} # x\n",
            "m: {seed: 1} # x\n",
        ],
    )
    def test_else_the_text_stays(self, text):
        assert resolve("c.yaml", text, (), 7, ()).text == text

    def test_two_seeds_are_refused(self):
        assert refused("c.yaml", "seed: 1\n", ["seed=2"], 3, ()).message == "--set seed=2 and --seed 3 differ"
        assert resolve("c.yaml", "seed: 1\n", ["seed=3"], 3, ()).values == {"seed": 3}


class TestFile:
    def read(self, path, source=""):
        return read_run_config(str(path), (), None, COMMAND, source)

    def fails(self, path):
        with pytest.raises(UsageError) as caught:
            self.read(path)
        assert "\n" not in caught.value.message
        return caught.value

    def test_the_text_is_the_bytes(self, tmp_path):
        (tmp_path / "c.yaml").write_bytes("a: é\r\n".encode())
        record = self.read(tmp_path / "c.yaml", "conf/c.yaml")
        assert (record.text, record.source, record.values) == ("a: é\r\n", "conf/c.yaml", {"a": "é"})

    def test_no_path(self):
        assert read_run_config(None, (), None, ()) is None
        assert read_run_config(None, ["a=1"], None, COMMAND).values == {"a": 1}

    def test_a_missing_file(self, tmp_path):
        (tmp_path / "base.yaml").write_text("")
        error = self.fails(tmp_path / "bose.yaml")
        assert error.message == f"there is no file {tmp_path}/bose.yaml"
        assert error.hint == f"did you mean {tmp_path}/base.yaml?"
        assert self.fails(tmp_path / "base.yaml" / "x.yaml").message.startswith("there is no file")
        assert self.fails(tmp_path / "a\0.yaml").message.endswith("cannot be read: embedded null byte")

    def test_things_that_are_no_files(self, tmp_path):
        (tmp_path / "d.yaml").mkdir()
        os.mkfifo(tmp_path / "p.yaml")
        (tmp_path / "l.yaml").symlink_to("l.yaml")
        assert self.fails(tmp_path / "d.yaml").message.endswith("d.yaml is a directory")
        assert self.fails(tmp_path / "p.yaml").message.endswith("p.yaml is not a regular file")
        assert "Too many levels of symbolic links" in self.fails(tmp_path / "l.yaml").message
        assert "is not a config that reprun can read" in self.fails(tmp_path / "nothing").message

    def test_contents_that_are_no_config(self, tmp_path):
        path = tmp_path / "c.yaml"
        path.write_bytes(b"a: 1\nb: \xff\n")
        assert self.fails(path).message.endswith("c.yaml is not UTF-8 text (line 2)")
        path.write_bytes(b"a: \0\n")
        assert self.fails(path).message.endswith("c.yaml holds a NUL character")
        path.write_bytes(b"#" * (1 << 20) + b"\n")
        assert self.fails(path).message.endswith("c.yaml is larger than 1 MiB")

    def test_a_file_without_permission(self, tmp_path):
        (tmp_path / "c.yaml").touch(0)
        user = os.geteuid()
        try:
            if user == 0:  # root reads everything
                os.seteuid(65534)
            message = self.fails(tmp_path / "c.yaml").message
        finally:
            os.seteuid(user)
        assert message.endswith("cannot be read: Permission denied")
