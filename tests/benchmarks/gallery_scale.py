"""How a gallery grows with its run: build, second build, memory; and how its first page behaves in Chromium.

    python tests/benchmarks/gallery_scale.py --results 1000 10000

A run of one artist (the worst case: all results on one artist's pages; `--artists 10` for more), written as runs write
them: Parquet parts of 100 rows with 31 points of loss trace each, a JPEG per result and photograph, forty paintings.
Builds are processes of their own; `base` is the memory that one takes to import what it needs. "One more" is a third
build, after a night that added one result. The browser opens the first page from disk: to interactive (all controls
work), to the lightbox of a pair on the last page, to sorted by loss, and how many thumbnails it holds at first and
after scrolling to the end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nst_core.engine.batch import LossPoint
from nst_core.run_folder.results import Result, chunk_file, write_results

PER_PART, POINTS, PAINTINGS = 100, 31, 40
LABELS = ["bird", "boat", "cat", "dog", "person", "train"]
BUILD = (
    "import resource, sys, time; from pathlib import Path; from nst_core.views.gallery import build_gallery;"
    "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; start = time.perf_counter();"
    "len(sys.argv) > 1 and build_gallery([Path(sys.argv[1])]);"
    "print(time.perf_counter() - start, base / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--side", type=int, default=96, help="longer side of the results, in pixels")
    parser.add_argument("--artists", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the runs in this folder")
    options = parser.parse_args(arguments)
    print("| results | first build | peak (base) | second build | one more | first page | items.js | interactive | "
          "lightbox of the last | sorted by loss | thumbnails at first | after scrolling |")  # fmt: skip
    print("|---:" * 12 + "|")
    for count in options.results:
        with tempfile.TemporaryDirectory() as name:
            run = (options.keep or Path(name)) / f"run-{count}"
            make_run(run, count, options.side, options.artists)
            print(f"| {count} | {' | '.join([*built(run, count, options.side), *browsed(run)])} |", flush=True)


def make_run(run: Path, count: int, side: int, artists: int) -> None:
    """A finished run of `count` results, its parts of the artists in turn."""
    draw = np.random.default_rng(0)
    (run / "run.yaml").parent.mkdir(parents=True, exist_ok=True)
    (run / "run.yaml").write_text(f"name: {count} results\n")
    sources = run.parent / f"sources-{count}"
    for number in range(PAINTINGS):
        picture(sources / "paintings" / f"painting {number}.jpg", side, draw)
    for start in range(0, count, PER_PART):
        artist = start // PER_PART % artists
        add_part(run, sources, range(start, min(count, start + PER_PART)), side, draw, artist)


def add_part(run: Path, sources: Path, numbers: range, side: int, draw: np.random.Generator, artist: int = 0) -> None:
    rows = []
    for number in numbers:
        painting, label = f"painting {number % PAINTINGS}", LABELS[number % len(LABELS)]
        name = f"images/{label}/{number:06d}--painting-{number % PAINTINGS}--{number:08x}.jpg"
        width, height = picture(run / name, side, draw)
        picture(sources / "photographs" / f"{number:06d}.jpg", side, draw)
        losses = np.sort(draw.uniform(1, 1000, POINTS))[::-1]
        rows.append(
            Result(
                pair_id=f"{number:016x}", chunk_id=f"{numbers.start:012x}", status="success", attempts=1,
                content_path=str(sources / "photographs" / f"{number:06d}.jpg"),
                style_path=str(sources / "paintings" / f"{painting}.jpg"),
                file_name=name, label=label, artist=f"Painter {artist}", genre="Post-Impressionism", width=width,
                height=height, size=side, iterations=300, evaluations=300, alpha=1.0, beta=24.0,
                content_loss=float(losses[-1] / 3), style_loss=float(losses[-1] / 24), total_loss=float(losses[-1]),
                loss_trace=[LossPoint(10 * i, x / 3, x / 24, 0.0, x) for i, x in enumerate(losses.tolist())],
                seconds=1.5, method="wavelet", features="wavelet", content_license="CC BY 4.0",
                content_source_url=f"https://example.org/{number}", style_license="Public domain",
            )
        )  # fmt: skip
    write_results(rows, chunk_file(run, f"painter-{artist}", f"{numbers.start:012x}"))


def picture(path: Path, side: int, draw: np.random.Generator) -> tuple[int, int]:
    """A smooth little JPEG of a random shape and content; returns its width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = [(side, side * 2 // 3), (side * 2 // 3, side), (side, side)][int(draw.integers(3))]
    Image.fromarray(draw.integers(0, 255, (4, 4, 3), dtype=np.uint8)).resize(shape).save(path, quality=85)
    return shape


def built(run: Path, count: int, side: int) -> list[str]:
    """The columns of the builds."""
    first, base, peak = build(run)
    second, _, _ = build(run)
    draw = np.random.default_rng(1)
    add_part(run, run.parent / f"sources-{count}", range(count, count + 1), side, draw)
    more, _, _ = build(run)
    page, items = (run / "gallery" / "painter-0" / name for name in ("index.html", "items.js"))
    sizes = [f"{file.stat().st_size / 1000:.0f} kB" for file in (page, items)]
    return [f"{first:.1f} s", f"{peak:.0f} ({base:.0f}) MiB", f"{second:.1f} s", f"{more:.1f} s", *sizes]


def build(run: Path) -> list[float]:
    """Seconds of a build in a process of its own, its memory after the imports and at its peak, in MiB."""
    told = subprocess.run([sys.executable, "-c", BUILD, run], check=True, capture_output=True, text=True).stdout
    return [float(value) for value in told.split()]


def browsed(run: Path) -> list[str]:
    """The columns of the browser; empty where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        return [""] * 5
    from playwright.sync_api import sync_playwright

    page_file = (run / "gallery" / "painter-0" / "index.html").as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        interactive = timed(page, lambda: page.goto(page_file, wait_until="commit"), "html[data-ready]")
        page.wait_for_load_state("networkidle")
        first = loaded(page)
        for _ in range(200):
            page.mouse.wheel(0, 700)
            time.sleep(0.02)
        page.wait_for_load_state("networkidle")
        scrolled = loaded(page)
        last = page.evaluate("nst.items.ids.at(-1)")
        box = timed(
            page, lambda: page.evaluate(f"location.hash = '#pair-{last}'"), ".lightbox[open] .stage:not(.waiting)"
        )
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog:not([open])", state="attached")
        order = timed(page, lambda: page.select_option("[name=sort]", "loss"), ".pairs li")
        browser.close()
    seconds = [f"{value:.2f} s" for value in (interactive, box, order)]
    return [*seconds, str(first), str(scrolled)]


def timed(page: Any, act: Any, then: str) -> float:
    start = time.perf_counter()
    act()
    page.wait_for_selector(then, state="attached")
    return time.perf_counter() - start


def loaded(page: Any) -> int:
    """Thumbnails that the page holds decoded or is loading."""
    return int(page.evaluate("[...document.images].filter(i => i.currentSrc.includes('thumbs/') && i.complete).length"))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
