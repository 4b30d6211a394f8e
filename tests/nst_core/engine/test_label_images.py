"""Label images: which modes are read, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from nst_core.engine.images.label_images import decode_labels
from nst_core.errors import InputError, UnusableMask


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGB", "RGBA", "I;16"])
def test_every_mode_gives_the_labels(tmp_path, mode):
    grey = np.zeros((4, 6), np.uint8)
    grey[:, 3:] = 255
    image = Image.fromarray(grey.astype(np.uint16) if mode == "I;16" else grey)
    if mode == "P":
        image = Image.frombytes("P", (6, 4), grey.tobytes())
        image.putpalette(list(range(256)) * 3)
    elif mode != "I;16":
        image = image.convert(mode)
    image.save(tmp_path / "m.png")
    labels = decode_labels(tmp_path / "m.png", 10**6)
    assert labels.regions() == ["background", "255"]
    assert labels.mask(["255"]).sum() == 12


def test_colours_go_by_their_codes_and_one_pixel_is_a_mask(tmp_path):
    Image.new("RGB", (1, 1), "#ff0080").save(tmp_path / "m.png")
    assert decode_labels(tmp_path / "m.png", 10**6).regions() == ["#ff0080"]


def test_photographs_missing_and_huge_files_are_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    with pytest.raises(UnusableMask, match="different values"):
        decode_labels(tmp_path / "photo.png", 10**6)
    for path, most in ((tmp_path / "photo.png", 100), (tmp_path / "none.png", 10**6)):
        with pytest.raises(InputError):
            decode_labels(path, most)


def test_another_aspect_ratio_is_refused_and_rounding_is_not(tmp_path):
    Image.new("L", (100, 67)).save(tmp_path / "m.png")
    labels = decode_labels(tmp_path / "m.png", 10**6)
    labels.check_fits("m.png", 600, 400)
    with pytest.raises(UnusableMask, match="another shape"):
        labels.check_fits("m.png", 400, 600)
