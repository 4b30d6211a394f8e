"""Shards: which share of the chunks is whose."""

from __future__ import annotations

import pytest

from nst_core.errors import UsageError
from nst_core.run_folder.shard import Shard


def test_it_is_read_as_it_is_written() -> None:
    assert Shard.parse("2/8") == Shard(2, 8)
    assert str(Shard.parse(" 8/8 ")) == "8/8"


@pytest.mark.parametrize("text", ["", "0/8", "9/8", "1/0", "2", "2/8/9", "-1/8", "a/b", "2 of 8", "1/99999999999"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"There is no shard .*: shards are counted from 1, as in --shard 2/8"):
        Shard.parse(text)


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_chunk_is_of_exactly_one_shard_and_shares_are_even(count: int) -> None:
    shares = [[place for place in range(500) if Shard(index, count).takes(place)] for index in range(1, count + 1)]
    assert sorted(place for share in shares for place in share) == list(range(500))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
