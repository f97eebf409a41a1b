"""Commands that need a shell: no value is ever text of the script."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reprun.core.errors import UsageError
from reprun.core.placeholders import RESERVED, fill
from reprun.sweeps.filling import Filler
from reprun.sweeps.template import needs_shell, one_line

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


def filled(template, **params):
    return Filler(template, "here").fill(params, {"_name": "n", "_time": "t", "_output": "o"}, set()).argv


def launched(argv):
    return fill(list(argv), {name: f"<{name}>" for name in RESERVED}, None)


@pytest.mark.parametrize(
    "template", ["a | b", "a && b", "a > b", "a; b", "echo $HOME", "ls *.py", "cat ~/x", "X=1 python a.py", "a `b`", "cd x",
     'a "$b"', "a 'b"]
)  # fmt: skip
def test_what_only_a_shell_can_run_is_a_script(template):
    assert needs_shell(template)


@pytest.mark.parametrize(
    "template", ["python a.py --x=1 'b c' \"d | e\"", "a 'x > y; $z'", "python -c 'print(1)'", "a b\\ c", "a {x} [y]"]
)
def test_what_no_shell_is_needed_for_is_words(template):
    assert not needs_shell(template)


@given(TEXT, TEXT)
@example("{output}", "$(touch x)")
@example("{", "}")
def test_values_arrive_as_they_are(first, second):
    try:
        argv = launched(filled("a {x} pre-{y}/post '{x} {y}'", x=first, y=second))
    except UsageError:
        assert "{" in first + second
        return
    assert argv == ["a", first, f"pre-{second}/post", f"{first} {second}"]


@given(TEXT)
def test_a_script_does_not_depend_on_the_values(value):
    template = "a {x} \"b {x}\" 'c {x}' [x] | tee {_output}/log $(d '{x}' \"{x}\")"
    bash, dash_c, script, name, *arguments = launched(filled(template, x=value))
    assert (bash, dash_c, name) == ("bash", "-c", "reprun")
    assert script == launched(filled(template, x="other"))[2]
    assert [one for one in arguments if one != "<output>"] == [value] * 6


def test_a_value_where_bash_calculates_is_refused():
    with pytest.raises(UsageError, match="calculates"):
        Filler("a $(( {x} + 1 ))", "here")


def test_the_output_of_a_script_is_an_argument_too():
    assert launched(filled("a > {_output}/x"))[4:] == ["<output>"]


def test_what_nothing_fills_is_named_with_its_place():
    with pytest.raises(UsageError, match=re.escape("here: nothing fills {x}, [y]")):
        filled("a {x} [y]")


def test_flags():
    assert filled("a [x] [y] [z] b", x=True, y=False, z="1") == ("a", "--x", "--z", "1", "b")
    assert filled('a "[z]"', z=1) == ("a", "--z 1")


def test_lines_are_one():
    assert one_line("a\n  b\n") == "a b"
