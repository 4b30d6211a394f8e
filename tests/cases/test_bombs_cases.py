"""Small files that cost a decoder much: each is decoded or refused within bounds of time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from case_inputs import generate

VERDICTS = {
    "100k_idat_hdr.png": "ImageTooLarge",
    "1x1.png": "ImageTooSmall",
    "59mp.avif": "ok",
    "59mp.jp2": "ok",
    "59mp.tif": "ok",
    "59mp.webp": "ok",
    "59mpF.tif": "ok",
    "59mpcmyk.jpg": "ok",
    "60mp_1bit.png": "ImageTooSmall",
    "60mp_rgba16.png": "ok",
    "65500x1.jpg": "ImageTooSmall",
    "65500x16.jpg": "ok",
    "65500x900prog.jpg": "ok",
    "alpha0.png": "ok",
    "anim.webp": "ok",
    "frames.gif": "ok",
    "iccp_bomb.png": "ok",
    "itxt_many.png": "ok",
    "lie_short.png": "TruncatedImage",
    "manyscans.jpg": "ImageTooLarge",
    "orient9.jpg": "ok",
    "svg_as.png": "NotAnImage",
    "x.svg": "NotAnImage",
    "xmp.jpg": "ok",
    "ztxt_bomb.png": "ok",
}
SECONDS = 10  # of processor time; of the 59 to 60 million pixels of some, most take 2
BYTES_PER_PIXEL = 26
SPARE = 100 << 20

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image
from nst_core.errors import InputError
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
pixels = 0
try:
    height, width, _ = decode_image(Path(sys.argv[1]), ImageLimits()).pixels.shape
    verdict, pixels = "ok", width * height
except InputError as error:
    verdict = type(error).__name__
memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
print(json.dumps([verdict, time.process_time() - start, memory, pixels]))
"""


@pytest.fixture(scope="module")
def bombs(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(shared, "bombs.py", tmp_path_factory.mktemp("bombs")) / "bombs"


@pytest.mark.slow
def test_the_table_knows_every_bomb(bombs: Path) -> None:
    assert {path.name for path in bombs.iterdir()} == set(VERDICTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", VERDICTS)
def test_each_is_decoded_or_refused_within_bounds(bombs: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bombs / name)], capture_output=True, text=True, timeout=120, check=True
    )
    verdict, seconds, memory, pixels = json.loads(done.stdout)
    assert verdict == VERDICTS[name]
    assert seconds < SECONDS
    assert memory < SPARE + BYTES_PER_PIXEL * pixels if verdict == "ok" else memory < 3 * SPARE
