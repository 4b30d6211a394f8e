"""Whose turn it is, by closed forms: nobody waits for more than one picture of each of the others."""

from __future__ import annotations

import pytest

from nst_core.app.fair_queue import FairQueue


def served(queue: FairQueue[str]) -> list[str]:
    return list(iter(queue.take, None))


def test_people_are_served_in_turn_and_each_in_their_own_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for job in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.add(job[0], job)
    assert served(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]


@pytest.mark.parametrize("hoard", [1, 7, 19])
def test_a_newcomer_is_next_however_many_one_person_has_waiting(hoard: int) -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(hoard + 1):
        queue.add("a", f"a{number}")
    queue.take()
    queue.add("b", "b0")
    assert queue.order()[0] == "b0"


def test_of_n_people_with_k_jobs_each_nobody_is_ever_more_than_one_ahead() -> None:
    people, each = 5, 4
    queue: FairQueue[str] = FairQueue()
    for person in range(people):
        for number in range(each):
            queue.add(str(person), f"{person}-{number}")
    taken = dict.fromkeys(map(str, range(people)), 0)
    for job in served(queue):
        taken[job[0]] += 1
        assert max(taken.values()) - min(taken.values()) <= 1
    assert set(taken.values()) == {each}


def test_who_was_served_longest_ago_is_next_though_they_left_meanwhile() -> None:
    queue: FairQueue[str] = FairQueue()
    for job in ("a1", "b1"):
        queue.add(job[0], job)
    served(queue)
    queue.add("b", "b2")
    queue.add("a", "a2")
    assert served(queue) == ["a2", "b2"]


def test_the_order_that_is_told_is_the_order_in_which_jobs_are_taken() -> None:
    queue: FairQueue[str] = FairQueue()
    for job in ("a1", "a2", "b1", "c1", "a3", "b2"):
        queue.add(job[0], job)
    queue.take()
    told = queue.order()
    assert len(queue) == 5
    assert served(queue) == told


def test_a_job_that_is_taken_back_leaves_the_others_in_their_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for job in ("a1", "b1", "b2", "c1"):
        queue.add(job[0], job)
    assert queue.remove("b1")
    assert not queue.remove("b1")
    assert served(queue) == ["a1", "b2", "c1"]
