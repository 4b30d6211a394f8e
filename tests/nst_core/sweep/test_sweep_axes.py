"""`--over`: keys and values as YAML reads them, and what is no sweep."""

from __future__ import annotations

from typing import Any

import pytest

from nst_core.errors import UsageError
from nst_core.recipes.overrides import set_override
from nst_core.sweep.axes import Axis, check_count, combinations, parse_axes


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("1,10,100", (1, 10, 100)),
        ("[1, 10]", (1, 10)),
        ("0.5, 1e3", (0.5, 1000.0)),
        ("gatys2016,wavelet", ("gatys2016", "wavelet")),
        ("{relu1_1: 1.0, relu2_1: 2},{relu3_1: 1}", ({"relu1_1": 1.0, "relu2_1": 2}, {"relu3_1": 1})),
        ("[relu1_1, relu2_1],[relu3_1]", (["relu1_1", "relu2_1"], ["relu3_1"])),
        ("[[relu1_1, relu2_1],[relu3_1]]", (["relu1_1", "relu2_1"], ["relu3_1"])),
        ('"a, b",c', ("a, b", "c")),
        ("true,false", (True, False)),
        ("no,yes", ("no", "yes")),
    ],
)
def test_values_stand_between_commas_as_in_a_list_of_yaml(written: str, values: tuple[Any, ...]) -> None:
    (axis,) = parse_axes([f"method.key={written}"])
    assert axis == Axis("method.key", values)


@pytest.mark.parametrize("written", ["1", "0.5", "1e3", "true", "no", "1.50", "relu4_1", "{a: 1}", "[1, 2]"])
def test_each_value_is_what_set_makes_of_it(written: str) -> None:
    (axis,) = parse_axes([f"key={written},other"])
    data: dict[str, Any] = {}
    set_override(data, f"key={written}")
    assert (axis.values[0], type(axis.values[0])) == (data["key"], type(data["key"]))


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (["method.beta"], "not of the form"),
        (["=1,2"], "not of the form"),
        (["method.=1,2"], "not of the form"),
        (["method.beta="], "no values"),
        (["method.beta= "], "no values"),
        (["method.beta=1"], "one value"),
        (["method.beta=[1]"], "one value"),
        (["method.beta=[]"], "one value"),
        (["method.beta=1,2,1"], "1 is given twice"),
        (["method.beta={a: 1, b: 2},{b: 2, a: 1}"], "is given twice"),
        (["method.beta=1,,2"], "not valid YAML"),
        (["method.beta=1],[2"], "not valid YAML"),
        (["method.beta=1,.inf"], "no value"),
        (["method.beta=1,2", "method.beta=3,4"], "in one, with commas"),
        (["method.style={a: 1},{b: 1}", "method.style.layers=1,2"], "set the same key"),
        (["method.style.layers=1,2", "method.style={a: 1},{b: 1}"], "set the same key"),
    ],
)
def test_what_is_no_sweep_is_told_in_a_sentence(texts: list[str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault) as caught:
        parse_axes(texts)
    assert "\n" not in str(caught.value)


def test_the_last_axis_is_the_fastest() -> None:
    axes = parse_axes(["method.a=1,2", "method.b=x,y"])
    places = [(place, [value for _, value in settings]) for place, settings in combinations(axes)]
    assert places == [((0, 0), [1, "x"]), ((0, 1), [1, "y"]), ((1, 0), [2, "x"]), ((1, 1), [2, "y"])]


def test_more_than_two_hundred_variants_need_a_yes() -> None:
    axes = [Axis("method.a", tuple(range(20))), Axis("method.b", tuple(range(10)))]
    check_count(axes)
    axes.append(Axis("method.c", (1, 2)))
    with pytest.raises(UsageError, match=r"20 × 10 × 2 = 400 combinations .* --yes"):
        check_count(axes)
    check_count(axes, all_of_them=True)
