"""TIFFs with tags that Pillow ignores or misreads: read as tifffile reads them, or refused with the tags named."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tifffile
from image_samples import HERE, LIMITS, close, decoded

from nst_core.engine.images.pixels import decode_here, decode_image, probe_image
from nst_core.errors import ImageTooLarge, InputError, NotAnImage, TruncatedImage

Y, X = np.mgrid[0:40, 0:48]
COLOURS = np.stack([X * 5, Y * 6, 255 - X * 2 - Y * 3], -1) / 255
ALPHA = (0.25 + 0.75 * X / 47)[..., None]
SAMPLES = {"minisblack": 1, "miniswhite": 1, "palette": 1, "rgb": 3, "ycbcr": 3, "cielab": 3, "separated": 4}


def tiff(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


def levels(white: float, dtype: str, pixels: np.ndarray = COLOURS) -> np.ndarray:
    values = pixels * white
    return (values if np.dtype(dtype).kind in "fc" else values.round()).astype(dtype)


GREY = np.repeat((COLOURS[..., :1] * 255).round().astype(np.uint8), 3, 2)
RGB = (COLOURS * 255).round().astype(np.uint8)
GREY_READ = {
    "white is zero, 8 bits": tiff(255 - levels(255, "u1")[..., 0], photometric="miniswhite"),
    "white is zero, 16 bits": tiff(65535 - levels(65535, "u2")[..., 0], photometric="miniswhite"),
    "white is zero, 16 bits, packed": tiff(
        65535 - levels(65535, "u2")[..., 0], photometric="miniswhite", compression=5
    ),
    "white is zero, float": tiff(1 - levels(1, "f4")[..., 0], photometric="miniswhite"),
    "12 bits": tiff(levels(4095, "u2")[..., 0], photometric="minisblack", bitspersample=12),
    "32 bits above 2^31": tiff(levels(2**32 - 1, "u4")[..., 0], photometric="minisblack"),
    **{
        f"{dtype}, big-endian, {packing or 'plain'}": tiff(
            levels(white, dtype)[..., 0], photometric="minisblack", byteorder=">", compression=packing
        )
        for dtype, white in (("f4", 1), ("i4", 65535), ("i2", 32767), ("u2", 65535))
        for packing in (None, "lzw", "deflate")
    },
}


@pytest.mark.parametrize("name", GREY_READ)
def test_grey_is_what_the_tags_say(name: str) -> None:
    expected = GREY
    if name.startswith("i2"):  # 16-bit samples that are signed have half of the range
        expected = np.repeat((levels(32767, "i2")[..., :1] / 257).round().astype(np.uint8), 3, 2)
    elif "2^31" in name:  # stretched, as all beyond 16 bits
        low, high = GREY.min(), GREY.max()
        expected = ((GREY.astype(float) - low) * 255 / (high - low)).round().astype(np.uint8)
    assert close(decoded(GREY_READ[name]), expected, 1)


@pytest.mark.parametrize("scale", [1, 257])
def test_a_palette_may_hold_8_bit_or_16_bit_values(scale: int) -> None:
    palette = np.stack([np.arange(256), 255 - np.arange(256), np.arange(256) // 2])
    indices = GREY[..., 0]
    data = tiff(indices, photometric="palette", colormap=(palette * scale).astype(np.uint16))
    assert close(decoded(data), palette.T[indices].astype(np.uint8), 0)


@pytest.mark.parametrize("packing", [None, "lzw"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_planes_are_put_together(dtype: str, packing: str | None) -> None:
    planes = np.moveaxis(levels(np.iinfo(dtype).max, dtype), 2, 0)
    assert close(decoded(tiff(planes, photometric="rgb", planarconfig="separate", compression=packing)), RGB, 1)


@pytest.mark.parametrize("predictor", [2, 3])
@pytest.mark.parametrize("order", "<>")
def test_predictors_are_undone(predictor: int, order: str) -> None:
    array, kind = (levels(255, "u1"), "rgb") if predictor == 2 else (levels(1, "f4")[..., 0], "minisblack")
    data = tiff(array, photometric=kind, compression="deflate", predictor=predictor, byteorder=order)
    assert close(decoded(data), RGB if predictor == 2 else GREY, 1)


def test_a_thumbnail_on_the_first_page_is_not_the_picture() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(RGB[::4, ::4].copy(), photometric="rgb", subfiletype=1, metadata=None)
        file.write(RGB, photometric="rgb", metadata=None)
        file.write(RGB[::2, ::2].copy(), photometric="rgb", metadata=None)
    assert probe_image(HERE, LIMITS, buffer.getvalue()).width == 48
    assert close(decoded(buffer.getvalue()), RGB, 0)


def test_a_thumbnail_alone_is_the_picture() -> None:
    assert close(decoded(tiff(RGB, photometric="rgb", subfiletype=1)), RGB, 0)


REFUSED = {
    "SampleFormat = 3": tiff(levels(1, "f4"), photometric="rgb"),
    "SampleFormat = 3 .float": tiff(levels(1, "f2")[..., 0], photometric="minisblack"),
    "SampleFormat = 6": tiff(levels(1, "c8")[..., 0], photometric="minisblack"),
    "SampleFormat = 2 .signed": tiff(levels(127, "i1")[..., 0], photometric="minisblack"),
    "BitsPerSample = 32 32 32": tiff(levels(2**31, "u4"), photometric="rgb"),
    "BitsPerSample = 64": tiff(levels(2**40, "u8")[..., 0], photometric="minisblack"),
    "PhotometricInterpretation = 32803": tiff(levels(255, "u1")[..., 0], photometric=32803),
    "PhotometricInterpretation = 4 .mask": tiff(levels(255, "u1")[..., 0] > 99, photometric=4),
    "ExtraSamples = 2": tiff(
        levels(65535, "u2", np.dstack([COLOURS[..., :1], ALPHA])),
        photometric="minisblack", extrasamples=("unassalpha",), planarconfig="contig",
    ),
    "PlanarConfiguration = 2": tiff(
        np.moveaxis(levels(255, "u1", np.dstack([COLOURS[..., :1], ALPHA])), 2, 0),
        photometric="minisblack", extrasamples=("unassalpha",), planarconfig="separate", compression="lzw",
    ),
    "InkSet = 2": tiff(
        levels(255, "u1", np.dstack([COLOURS, ALPHA])), photometric="separated", extratags=[(332, 3, 1, 2, True)]
    ),
    "Compression = 34712 .JPEG 2000": tiff(RGB, photometric="rgb", compression="jpeg2000"),
}  # fmt: skip


@pytest.mark.parametrize("tag", REFUSED)
def test_what_cannot_be_read_right_is_refused_with_its_tags_named(tag: str) -> None:
    for use in (probe_image, decode_image):
        with pytest.raises(NotAnImage, match=f"it is a TIFF of a kind that cannot be read .*{tag}.*convert it to RGB"):
            use(HERE, LIMITS, REFUSED[tag])


@pytest.mark.parametrize("packing", [None, "lzw", "deflate"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_missing_strips_and_tiles_are_noticed(packing: str | None, tile: tuple[int, int] | None) -> None:
    data = tiff(GREY[..., 0], photometric="minisblack", compression=packing, rowsperstrip=8, tile=tile)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        offsets = file.pages[0].tags[324 if tile else 273]
    few, nowhere, behind = bytearray(data), bytearray(data), bytearray(data)
    few[offsets.offset + 4] -= 1
    size = 4 if offsets.dtype == 4 else 2
    nowhere[offsets.valueoffset : offsets.valueoffset + size] = bytes(size)
    behind[offsets.valueoffset : offsets.valueoffset + size] = b"\xff" * (size - 1) + b"\0"
    assert close(decoded(data), GREY, 0)
    for damaged in (few, nowhere, behind):
        with pytest.raises(TruncatedImage):
            decoded(bytes(damaged))


def test_more_strips_than_any_picture_needs_are_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_core.engine.images.tiff.MOST_SEGMENTS", 10)
    with pytest.raises(ImageTooLarge, match="more than 10 strips or tiles, which is the limit"):
        decode_here(HERE, LIMITS, tiff(RGB, photometric="rgb", rowsperstrip=2))


def written() -> Iterator[tuple[tuple[Any, ...], bytes]]:
    """All combinations of tags that tifffile writes."""
    extras = [(), ("unspecified",), ("assocalpha",), ("unassalpha",), ("unassalpha", "unspecified")]
    kinds = ["u1:1", "u1:2", "u1:4", "u1:8", "u2:10", "u2:12", "u2:16", "u4:24", "u4:32", "i1:8", "i2:16", "i4:32",
             "f2:16", "f4:32", "f8:64", "c8:64"]  # fmt: skip
    for photometric, kind, planar, extra, order, packing, tile in itertools.product(
        SAMPLES, kinds, ("contig", "separate"), extras, "<>", (None, "lzw"), (None, (16, 16))
    ):
        dtype, bits = kind.split(":")
        if tile and order == ">":
            continue
        try:
            data = _combination(
                photometric, dtype, int(bits), planar, extra, byteorder=order, compression=packing, tile=tile
            )
        except Exception:  # tifffile refuses what makes no sense, by any kind of error
            continue
        yield (photometric, dtype, int(bits), planar, extra, order, packing, tile), data


def _combination(photometric: str, dtype: str, bits: int, planar: str, extra: tuple[str, ...], **options: Any) -> bytes:
    pixels = np.dstack([COLOURS, COLOURS[..., :1] * 0.3])[..., : SAMPLES[photometric]]
    pixels = np.dstack([pixels, *[ALPHA] * len(extra)])
    kind = np.dtype(dtype).kind
    array = levels({"u": 2**bits - 1, "i": min(65535, 2 ** (bits - 1) - 1)}.get(kind, 1), dtype, pixels)
    if array.shape[2] == 1:
        array = array[..., 0]
    elif planar == "separate":
        array, options = np.moveaxis(array, 2, 0), {**options, "planarconfig": planar}
    else:
        options["planarconfig"] = planar
    if extra:
        options["extrasamples"] = extra
    if bits != np.dtype(dtype).itemsize * 8:
        options["bitspersample"] = bits
    if photometric == "palette":
        options["colormap"] = np.random.default_rng(1).integers(0, 65536, (3, 2**bits)).astype(np.uint16)
    return tiff(array, photometric=photometric, **options)


def expected(data: bytes, photometric: str, dtype: str, bits: int, extra: tuple[str, ...]) -> np.ndarray:
    """(H, W, 3) of 0..255 by the samples that tifffile reads."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        samples = (
            np.moveaxis(page.asarray(), 0, 2) if page.planarconfig == 2 and page.samplesperpixel > 1 else page.asarray()
        )
        palette = page.colormap if photometric == "palette" else None
    samples = np.atleast_3d(samples).astype(float)
    kind = np.dtype(dtype).kind
    white = {"u": 2**bits - 1, "i": 65535}.get(kind, 1)
    if kind in "ui" and bits == 32:
        white = 65535 if samples.max() <= 65535 else white
    colours, alpha = samples[..., : SAMPLES[photometric]], samples[..., SAMPLES[photometric] :] / white
    if palette is not None:
        colours = np.moveaxis(palette[:, colours[..., 0].astype(int)], 0, 2) / 65535
    elif kind == "u" and bits == 32 and white > 65535:  # stretched
        colours = (colours - colours.min()) / (colours.max() - colours.min())
    else:
        colours = colours / white
    if photometric == "miniswhite":
        colours = 1 - colours
    if photometric == "separated":
        colours = (1 - colours[..., :3]) * (1 - colours[..., 3:])
    if photometric == "ycbcr":
        luma, blue, red = (colours[..., 0], *(colours[..., k] - 128 / 255 for k in (1, 2)))
        colours = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], -1)
    if extra[:1] == ("assocalpha",):
        colours = colours + (1 - alpha[..., :1])
    elif extra[:1] == ("unassalpha",):
        colours = colours * alpha[..., :1] + (1 - alpha[..., :1])
    return np.clip(np.broadcast_to(colours, (*colours.shape[:2], 3)), 0, 1) * 255


@pytest.mark.slow
def test_every_combination_of_tags_is_read_right_or_refused_with_its_tags_named() -> None:
    read, faults = set(), []
    for (photometric, dtype, bits, planar, extra, *packing), data in written():
        key = (photometric, dtype, bits, planar, extra, *packing)
        try:
            pixels = decoded(data)
        except InputError as error:
            if not isinstance(error, NotAnImage) or "SamplesPerPixel" not in error.reason:
                faults.append((key, str(error)))
            continue
        read.add((photometric, dtype, bits, planar))
        if photometric == "cielab":
            continue  # of whose conversion LittleCMS's own tests tell; the samples' order is that of RGB
        difference = np.abs(pixels - expected(data, photometric, dtype, bits, extra)).max()
        if not difference <= 2:
            faults.append((key, difference))
    assert not faults
    assert len(read) > 25
