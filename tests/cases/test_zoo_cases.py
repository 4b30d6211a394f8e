"""Every file of the zoo of odd images has its right verdict, and the pixels of the picture that it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from case_inputs import generate

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, probe_image
from nst_core.errors import InputError

Y, X = np.mgrid[0:48, 0:64]
COLOURS = np.stack([X * 4, Y * 5, 255 - X * 2 - Y], -1).astype(np.uint8)
GREY = np.repeat(COLOURS[..., :1], 3, 2)
UPRIGHT = np.rot90(COLOURS, 3)  # as EXIF orientation 6 asks

EXACT = 0.0
LOSSY = 2.0  # mean difference in levels that JPEG, WebP or AVIF may make
FEW_COLOURS = 20.0

VERDICTS: dict[str, str | tuple[np.ndarray | None, float]] = {
    ".DS_Store": "NotAnImage",
    "._plain.jpg": "NotAnImage",
    "Thumbs.db": "NotAnImage",
    "a.avif": (COLOURS, LOSSY),
    "anim.gif": (COLOURS, FEW_COLOURS),
    "anim.webp": (COLOURS, LOSSY),
    "apng.png": (COLOURS, EXACT),
    "baseline_cut_eoi.jpg": "TruncatedImage",
    "cmyk_adobe.jpg": (COLOURS, LOSSY),
    "cmyk_noadobe.jpg": (COLOURS, LOSSY),
    "double_soi.jpg": "CorruptImage",
    "exif6.avif": (UPRIGHT, LOSSY),
    "exif6.jpg": (UPRIGHT, LOSSY),
    "exif6.png": (UPRIGHT, EXACT),
    "exif6.tif": (UPRIGHT, EXACT),
    "exif6.webp": (UPRIGHT, LOSSY),
    "exif_garbage.jpg": (COLOURS, LOSSY),
    "float01.tif": (GREY, EXACT),
    "gama_linear.png": (COLOURS, EXACT),
    "grey12in16.tif": (GREY // 16, 1.0),  # it says 16 bits: the samples' upper four are unused, and nothing tells
    "grey16.png": (GREY, EXACT),
    "grey16.tif": (GREY, EXACT),
    "heic.jpg": "NotAnImage",
    "html.jpg": "NotAnImage",
    "icc_big.jpg": (COLOURS, LOSSY),
    "icc_big.png": (COLOURS, 1.0),
    "icc_big.webp": (COLOURS, LOSSY),
    "int32.tif": (GREY, EXACT),
    "itxt_4mb_z.png": (COLOURS, EXACT),
    "la16.png": (GREY, EXACT),
    "leading_newline.jpg": "NotAnImage",
    "minwhite16.tif": (GREY, EXACT),
    "minwhite8.tif": (GREY, EXACT),
    "mnist.png": (np.full((28, 28, 3), 90, np.uint8), EXACT),
    "mpo.jpg": (COLOURS, LOSSY),
    "mpo_second_lost.jpg": (COLOURS, LOSSY),
    "no_eoi.jpg": (COLOURS, LOSSY),
    "no_eoi_trailer.jpg": (COLOURS, LOSSY),
    "noext": (COLOURS, LOSSY),
    "one.png": "ImageTooSmall",
    "palette_16bit_values.tif": (GREY, EXACT),
    "palette_8bit_values.tif": (GREY, EXACT),
    "photo.jpg.1": (COLOURS, LOSSY),
    "photo.jpg_large": (COLOURS, LOSSY),
    "plain.JPG": (COLOURS, LOSSY),
    "png_trailing.png": (COLOURS, EXACT),
    "progressive_cut.jpg": "TruncatedImage",
    "progressive_cut_eoi.jpg": "TruncatedImage",
    "rgb16.png": (COLOURS, EXACT),
    "rgb16.tif": (COLOURS, EXACT),
    "rgba16.tif": (COLOURS, EXACT),
    "strip.png": (None, EXACT),
    "text_3mb_z.png": (COLOURS, EXACT),
    "trailing.jpg": (COLOURS, LOSSY),
    "trans.gif": (COLOURS, FEW_COLOURS),
    "twitter.jpg!d": (COLOURS, LOSSY),
    "xmp_4mb.png": (COLOURS, EXACT),
    "zero_dim.png": "CorruptImage",
    "zero_height.jpg": "CorruptImage",
}


@pytest.fixture(scope="module")
def zoo(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(shared, "zoo.py", tmp_path_factory.mktemp("zoo"), "zoo") / "zoo"


@pytest.mark.slow
def test_the_table_knows_every_animal(zoo: Path) -> None:
    assert {path.name for path in zoo.iterdir()} == set(VERDICTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", VERDICTS)
def test_each_has_its_verdict(zoo: Path, name: str) -> None:
    verdict = VERDICTS[name]
    if isinstance(verdict, str):
        with pytest.raises(InputError) as caught:
            decode_image(zoo / name, ImageLimits())
        assert type(caught.value).__name__ == verdict
        return
    picture, tolerance = verdict
    decoded = decode_image(zoo / name, ImageLimits())
    header = probe_image(zoo / name, ImageLimits())
    assert decoded.pixels.shape == (header.height, header.width, 3)
    if picture is not None:
        assert decoded.pixels.shape == picture.shape
        assert np.abs(decoded.pixels.astype(int) - picture).mean() <= tolerance


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in VERDICTS if name.endswith(".tif")])
def test_a_tiff_is_what_tifffile_reads(zoo: Path, name: str) -> None:
    with tifffile.TiffFile(zoo / name) as file:
        page = file.pages[0]
        samples, kind, palette = page.asarray(), page.photometric, page.colormap
        orientation = page.tags[274].value if 274 in page.tags else 1
    white = 1.0 if samples.dtype.kind == "f" else 65535 if samples.dtype.itemsize > 1 else 255
    if palette is not None:
        samples, white = np.moveaxis(palette[:, samples], 0, 2), 255 if palette.max() < 256 else 65535
    levels = np.atleast_3d(samples)[..., :3] / white
    levels = 1 - levels if kind == tifffile.PHOTOMETRIC.MINISWHITE else levels
    expected = np.rot90(np.broadcast_to(levels, (*levels.shape[:2], 3)) * 255, 3 if orientation == 6 else 0)
    assert np.abs(decode_image(zoo / name, ImageLimits()).pixels - expected).max() <= 1
