"""JPEGs whose scans are incomplete, whatever stands at the end of the file, and those with too many scans."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from image_samples import HERE, LIMITS, close, decoded, noise, picture, saved
from PIL import Image

from nst_core.engine.images.jpeg import jpeg_structure
from nst_core.engine.images.limits import MOST_SCANS
from nst_core.engine.images.pixels import decode_image
from nst_core.errors import ImageTooLarge, TruncatedImage
from nst_core.sources.index.phash import draft_jpeg

END = b"\xff\xd9"
KINDS = {
    "baseline": {},
    "optimized": {"optimize": True, "subsampling": 1},
    "full colour": {"subsampling": 0, "quality": 100},
    "restart rows": {"restart_marker_rows": 1},
    "restart blocks": {"restart_marker_blocks": 1},
    "progressive": {"progressive": True},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 3},
}
MODES = ("RGB", "L", "CMYK")


def jpeg(kind: str, mode: str = "RGB", pixels: np.ndarray | None = None) -> bytes:
    image = Image.fromarray(noise(120, 90) if pixels is None else pixels).convert(mode)
    return saved(image, "JPEG", **{"quality": 85, **KINDS[kind]})


def as_pillow_decodes(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(120, 90), (17, 33), (64, 16), (16, 200)])
def test_a_complete_jpeg_is_decoded_as_pillow_does_with_or_without_its_end_marker(kind, mode, size) -> None:
    data = jpeg(kind, mode, noise(*size))
    whole = decoded(data)
    if mode != "CMYK":
        assert np.array_equal(whole, as_pillow_decodes(data))
    for ending in (data[:-2], data[:-1], data[:-2] + b"SEFH" + bytes(200) + b"SEFT", data + bytes(5000)):
        assert np.array_equal(decoded(ending), whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_an_end_marker_does_not_make_a_broken_off_scan_complete(kind: str, mode: str) -> None:
    data = jpeg(kind, mode)
    scan = jpeg_structure(data, MOST_SCANS).scans[-1]
    for share in (0.1, 0.5, 0.66, 0.9):
        cut = data[: scan.start + int((scan.end - scan.start) * share)]
        with pytest.raises(TruncatedImage, match="part of its pixels is missing"):
            decoded(cut + END)
        with pytest.raises(TruncatedImage, match="the file ends before the image does"):
            decoded(cut)


@pytest.mark.parametrize("kind", ["restart rows", "restart blocks"])
def test_a_lost_restart_interval_is_noticed(kind: str) -> None:
    data = jpeg(kind)
    first, second = data.index(b"\xff\xd1"), data.index(b"\xff\xd2")
    for lost in (slice(first, second), slice(first + 2, second), slice(first + 2, second - 4)):
        damaged = bytearray(data)
        del damaged[lost]
        with pytest.raises(TruncatedImage, match="part of its pixels is missing"):
            decoded(bytes(damaged))


def test_a_component_without_a_scan_is_noticed() -> None:
    data = jpeg("progressive")
    first = jpeg_structure(data, MOST_SCANS).scans[0]
    header = data.rindex(b"\xff\xda", 0, first.start)
    assert len(first.components) == 3
    with pytest.raises(TruncatedImage):
        decoded(data[:header] + data[first.end :])


def test_a_progressive_jpeg_may_lack_later_scans_but_then_it_must_say_where_it_ends() -> None:
    data = jpeg("progressive", pixels=picture(120, 90))
    scans = jpeg_structure(data, MOST_SCANS).scans
    coarse = data[: scans[-4].end]
    assert close(decoded(coarse + END), decoded(data), 40)
    with pytest.raises(TruncatedImage):
        decoded(coarse)


def test_more_scans_than_any_picture_needs_are_refused_before_decoding() -> None:
    data = jpeg("progressive", pixels=picture())
    scans = jpeg_structure(data, MOST_SCANS).scans
    first = scans[0]
    again = data[data.rindex(b"\xff\xda", 0, first.start) : first.end]
    most = MOST_SCANS - len(scans)
    assert np.array_equal(decoded(data[: first.end] + again * most + data[first.end :]), decoded(data))
    many = data[: first.end] + again * (most + 1) + data[first.end :]
    with pytest.raises(ImageTooLarge, match=f"more than {MOST_SCANS} scans, which is the limit"):
        decode_image(HERE, LIMITS, many)
    with pytest.raises(ImageTooLarge, match="scans"):
        draft_jpeg(Path("x.jpg"), io.BytesIO(many), 1)


@pytest.mark.slow
def test_no_real_photograph_is_refused(shared: Path) -> None:
    files = sorted((shared / "data").rglob("*.jpg"))
    assert len(files) > 1000
    for path in files:
        assert np.array_equal(decode_image(path, LIMITS).pixels.shape[2], 3)
