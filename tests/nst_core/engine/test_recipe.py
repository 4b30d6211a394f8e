"""Recipes are values."""

from __future__ import annotations

import dataclasses

import pytest

from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm


def recipe() -> Recipe:
    return Recipe("test", ContentTerm((("b", 1.0), ("a", 2.0))), StyleTerm((("a", 1.0), ("c", 0.5))))


def test_layer_names_are_those_of_content_and_style_each_once() -> None:
    assert recipe().layer_names() == ("b", "a", "c")


def test_equal_recipes_are_equal_keys() -> None:
    assert {recipe(): 1}[recipe()] == 1
    assert dataclasses.replace(recipe(), alpha=2.0) != recipe()


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe().alpha = 2.0  # type: ignore[misc]
