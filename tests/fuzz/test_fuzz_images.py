"""Image files with one random fault: they are decoded or refused with a reason, quickly, and by the commands, too."""

from __future__ import annotations

import io
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from mutations import byte_mutations, run_command
from PIL import Image, PngImagePlugin, features

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, probe_image
from nst_core.errors import NstError

Y, X = np.mgrid[0:48, 0:64]
PICTURE = Image.fromarray(np.stack([X * 4, Y * 5, 255 - X * 2 - Y], -1).astype(np.uint8))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
LIMITS = ImageLimits(max_pixels=4_000_000)
SECONDS = 5


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x112], tags[0x10F], tags[0x9003] = 6, "maker", "2026:01:01 00:00:00"
    return tags


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 200, zip=True)
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="1"/>')
    return info


FILES = {
    "baseline.jpg": saved(PICTURE, "JPEG", exif=exif(), comment=b"text"),
    "progressive.jpg": saved(NOISE, "JPEG", progressive=True),
    "restarts.jpg": saved(PICTURE, "JPEG", restart_marker_blocks=2),
    "cmyk.jpg": saved(PICTURE.convert("CMYK"), "JPEG"),
    "colours.png": saved(PICTURE, "PNG", exif=exif(), pnginfo=texts()),
    "palette.png": saved(PICTURE.quantize(16), "PNG", transparency=3),
    "lossy.webp": saved(PICTURE, "WEBP", exif=exif()),
    "lossless.webp": saved(PICTURE.convert("RGBA"), "WEBP", lossless=True),
    "plain.tif": saved(PICTURE, "TIFF", exif=exif()),
    "packed.tif": saved(PICTURE, "TIFF", compression="tiff_lzw", strip_size=64 * 3 * 8),
    "palette.tif": saved(PICTURE.quantize(16), "TIFF", compression="packbits"),
    "float.tif": saved(Image.fromarray((X / 64).astype(np.float32)), "TIFF", compression="tiff_adobe_deflate"),
    "frames.gif": saved(PICTURE.quantize(16), "GIF", save_all=True, append_images=[NOISE.quantize(16)]),
    "plain.bmp": saved(PICTURE.quantize(16), "BMP"),
    "stream.jp2": saved(PICTURE, "JPEG2000", tile_size=(32, 32)),
    "text.ppm": b"P3 16 16 255\n" + b"1 2 3 " * 256,
    **({"still.avif": saved(PICTURE, "AVIF")} if features.check("avif") else {}),
}


def outcome(path: Path, data: bytes) -> tuple[tuple[int, ...], str]:
    """The shape of the decoded picture, or the reason for refusing it."""
    try:
        pixels = decode_image(path, LIMITS, data).pixels
    except NstError as error:
        return (), str(error)
    assert pixels.dtype == np.uint8
    return pixels.shape, ""


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_faulty_picture_is_decoded_whole_or_refused_with_a_reason(name: str) -> None:
    path = Path(name)
    for fault, data in byte_mutations(FILES[name], 300, seed=1):
        start = time.monotonic()
        shape, reason = outcome(path, data)
        assert time.monotonic() - start < SECONDS, fault
        assert reason.isprintable(), fault
        assert len(reason) < 400, fault
        if not reason:
            header = probe_image(path, LIMITS, data)
            assert shape == (header.height, header.width, 3), fault


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "index"])
def test_the_commands_take_a_folder_of_faulty_pictures(command: str, tmp_path: Path) -> None:
    contents, styles = tmp_path / "contents", tmp_path / "styles"
    contents.mkdir()
    styles.mkdir()
    PICTURE.save(styles / "style.png")
    NOISE.save(contents / "good.png")
    for name, data in FILES.items():
        for number, (_, faulty) in enumerate(islice(byte_mutations(data, 4, seed=2), 4)):
            (contents / f"{number}-{name}").write_bytes(faulty)
    run_file = tmp_path / "run.yaml"
    run_file.write_text(
        "name: faulty\n"
        f"content: {{source: folder, path: {contents}}}\n"
        f"style: {{source: folder, path: {styles}}}\n"
        f"output: {{root: {tmp_path / 'outputs'}}}\n"
    )
    code, text = run_command([command, str(run_file)])
    assert code in (0, 2, 3), text
