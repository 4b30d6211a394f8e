"""The search for a pair that kills its process, against every pair of a chunk."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import planned

from nst_core.chunks.poison_search import PoisonSearch
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.plan_table import PlannedPair


def chunk(pairs: int = 8, batch: int = 4) -> Chunk:
    rows = tuple(replace(planned(), pair_id=f"{place:02}", batch=place // batch) for place in range(pairs))
    return Chunk("c", "ada", rows, frozenset(row.pair_id for row in rows))


def search(task: Chunk, killers: set[str], by_chance: list[bool] | None = None) -> tuple[list[str], list[set[str]]]:
    """Whom the search finds guilty, and the parts that were made; `by_chance`: deaths that no pair is to blame for."""
    suspects, found, made = PoisonSearch(task), [], list[set[str]]()
    chance = iter(by_chance or [])
    while suspects:
        only = suspects.next_part().only
        assert only is not None
        if only & killers or next(chance, False):
            guilty: PlannedPair | None = suspects.died()
            found += [guilty.pair_id] if guilty else []
        else:
            suspects.survived()
            made.append(set(only))
    return found, made


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 8), st.data())
def test_exactly_the_killers_are_found_and_all_others_made_once(pairs: int, batch: int, data: st.DataObject) -> None:
    task = chunk(pairs, batch)
    killers = data.draw(st.sets(st.sampled_from(sorted(task.wanted))))
    found, made = search(task, killers)
    assert set(found) == killers
    assert sorted(name for part in made for name in part) == sorted(task.wanted - killers)


def test_batches_without_a_killer_are_made_whole() -> None:
    """Their images then have the same bits as ever."""
    _, made = search(chunk(), {"06"})
    assert {"00", "01", "02", "03"} in made


@pytest.mark.parametrize("deaths", [[True], [True, True], [True, False, True], [True, True, False, True]])
def test_deaths_by_chance_part_no_batch(deaths: list[bool]) -> None:
    found, made = search(chunk(), set(), deaths)
    assert found == []
    assert all(part >= {"00", "01", "02", "03"} or part >= {"04", "05", "06", "07"} for part in made)


@pytest.mark.parametrize("pairs", [1, 4])
def test_one_death_alone_blames_nobody_even_where_a_chunk_is_one_batch(pairs: int) -> None:
    task = chunk(pairs)
    assert search(task, set(), [True]) == ([], [set(task.wanted)])


def test_what_is_not_wanted_is_tried_only_as_part_of_a_batch() -> None:
    task = replace(chunk(), wanted=frozenset({"05"}))
    _, made = search(task, set(), [True])
    assert made == [{"04", "05", "06", "07"}]
