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


def test_stages_are_told() -> None:
    stages = [{"evaluations": 50, "features": "slim", "size": 128}, {"evaluations": 30, "size": 256}]
    method = {"features": "vgg19", "evaluations": 80, "stages": stages}
    said = method_sentences({"method_fingerprint_data": {"method": method}})
    assert "80 evaluations (50 on slim at 128 px, then 30 on vgg19 at 256 px)" in said
    assert (
        "(" not in method_sentences({"method_fingerprint_data": {"method": {**method, "stages": 3}}}).split("alpha")[0]
    )


def test_other_networks_are_not_taken_for_it() -> None:
    assert "Oxford" not in method_sentences({"weights_sha256": "0" * 64})
    assert "Oxford" not in method_sentences({})
