"""What a dataset card says of the method."""

from __future__ import annotations

from nst_core.engine.features.caffe import SHA256
from nst_core.run_folder.card import ORIGINAL_VGG_19, method_sentences


def test_the_original_network_is_named_with_its_licence() -> None:
    assert SHA256 == ORIGINAL_VGG_19
    said = method_sentences({"weights_sha256": SHA256, "config": {"method": {"recipe": "fast"}}})
    assert "Recipe `fast`" in said
    assert "Oxford" in said
    assert "CC BY 4.0" in said


def test_other_networks_are_not_taken_for_it() -> None:
    assert "Oxford" not in method_sentences({"weights_sha256": "0" * 64})
    assert "Oxford" not in method_sentences({})
