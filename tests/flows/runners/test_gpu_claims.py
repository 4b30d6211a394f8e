"""A GPU is one worker's, where nobody hands them out."""

from __future__ import annotations

import pytest

from flows.runners.gpu_claims import claim_gpu, visible_gpu_names
from nst_core.errors import ConfigError


def test_each_claim_is_another_gpu_and_a_released_one_is_free_again() -> None:
    first, second = claim_gpu(["3", "5"]), claim_gpu(["3", "5"])
    assert (first.name, second.name) == ("3", "5")
    with pytest.raises(ConfigError, match=r"^All 2 GPUs of the node .* are taken: start one worker per GPU\."):
        claim_gpu(["3", "5"])
    first.release()
    again = claim_gpu(["3", "5"])
    assert again.name == "3"
    again.release()
    second.release()


def test_a_node_without_gpus_says_so() -> None:
    with pytest.raises(ConfigError, match="has no GPU"):
        claim_gpu([])


def test_what_the_environment_names_is_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-ab, 2")
    assert visible_gpu_names() == ["GPU-ab", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpu_names() == []
