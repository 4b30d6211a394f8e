"""What looks alike in a large gallery: the cost of finding it, and how its pages behave in Chromium.

    python tests/benchmarks/likeness_scale.py --results 1000 10000

A run of rows as runs write them, with made-up descriptors: artists are clusters, so are paintings within, results lie
around their paintings. Pictures are few (500 files for all results), as thumbnails are not what is measured here.
Builds are processes of their own: without descriptors, then with them, again with nothing new, after one more result.
The browser opens the map, zooms in, and a result's large view until what looks like it is shown. `--pictures FOLDER`
keeps screenshots.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from gallery_scale import build, picture, timed

from nst_core.run_folder.descriptors import LENGTH, write_descriptors
from nst_core.run_folder.results import Result, chunk_file, write_results

PER_PART, FILES = 100, 500


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--artists", type=int, default=20)
    parser.add_argument("--paintings", type=int, default=25, help="of each artist")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args(arguments)
    print("| results | without | with | again | one more | alike-1.js | map.html | map | zoomed | large view, with "
          "what is like it | peak (base) |\n" + "|---:" * 11 + "|")  # fmt: skip
    for count in options.results:
        with tempfile.TemporaryDirectory() as name:
            run = Synthetic(Path(name) / "run", options.artists, options.paintings)
            cells = run.measure(count)
            print(
                f"| {count} | {' | '.join([*cells, *browsed(run.folder, options.pictures), run.memory])} |", flush=True
            )


class Synthetic:
    """A run whose pictures look as its descriptors say."""

    def __init__(self, folder: Path, artists: int, paintings: int) -> None:
        self.folder, self.memory = folder, ""
        self._artists, self._paintings = artists, paintings
        self._draw = np.random.default_rng(0)
        self._centres = self._draw.normal(size=(artists, LENGTH))
        self._works = self._centres[:, None] + 0.7 * self._draw.normal(size=(artists, paintings, LENGTH))
        folder.mkdir()
        (folder / "run.yaml").write_text("name: made up\n")
        self._sources = folder.parent / "sources"
        self._shapes = [picture(folder / f"images/{i}.jpg", 96, self._draw) for i in range(FILES)]
        picture(self._sources / "photograph.jpg", 96, self._draw)
        for artist in range(artists):
            for work in range(paintings):
                picture(self._painting(artist, work), 96, self._draw)

    def measure(self, count: int) -> list[str]:
        for start in range(0, count, PER_PART):
            self._add(range(start, min(count, start + PER_PART)))
        without, *_ = build(self.folder)
        works = {self._sha(a, w): self._works[a, w] for a in range(self._artists) for w in range(self._paintings)}
        self._describe(works)
        for start in range(0, count, 1000):
            self._describe_results(range(start, min(count, start + 1000)))
        first, base, peak = build(self.folder)
        self.memory = f"{peak:.0f} ({base:.0f}) MiB"
        again, *_ = build(self.folder)
        self._add(range(count, count + 1))
        self._describe_results(range(count, count + 1))
        more, *_ = build(self.folder)
        gallery = self.folder / "gallery"
        sizes = [f"{(gallery / name).stat().st_size / 1000:.0f} kB" for name in ("painter-0/alike-1.js", "map.html")]
        return [*(f"{seconds:.1f} s" for seconds in (without, first, again, more)), *sizes]

    def _add(self, numbers: range) -> None:
        by_artist: dict[int, list[Result]] = {}
        for number in numbers:
            artist, work = number % self._artists, number // self._artists % self._paintings
            width, height = self._shapes[number % FILES]
            result = Result(
                pair_id=f"{number:016x}", chunk_id=f"{numbers.start:012x}", status="success", attempts=1,
                content_path=str(self._sources / "photograph.jpg"), style_path=str(self._painting(artist, work)),
                file_name=f"images/{number % FILES}.jpg", artist=f"Painter {artist}", width=width, height=height,
                total_loss=1.0, output_sha256=self._sha(number), style_sha256=self._sha(artist, work),
            )  # fmt: skip
            by_artist.setdefault(artist, []).append(result)
        for artist, rows in by_artist.items():
            write_results(rows, chunk_file(self.folder, f"painter-{artist}", f"{numbers.start:012x}"))

    def _describe_results(self, numbers: range) -> None:
        works = [self._works[n % self._artists, n // self._artists % self._paintings] for n in numbers]
        vectors = np.stack(works) + 0.5 * self._draw.normal(size=(len(numbers), LENGTH))
        self._describe({self._sha(number): vector for number, vector in zip(numbers, vectors, strict=True)})

    def _describe(self, vectors: dict[str, np.ndarray]) -> None:
        unit = {name: (v / np.linalg.norm(v)).astype(np.float32) for name, v in vectors.items()}
        write_descriptors(self.folder, "made up", unit)

    def _painting(self, artist: int, work: int) -> Path:
        return self._sources / f"painter {artist} {work}.jpg"

    def _sha(self, *key: int) -> str:
        return hashlib.sha256(repr(key).encode()).hexdigest()


def browsed(run: Path, pictures: Path | None) -> list[str]:
    """The columns of the browser; empty where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        return [""] * 3
    from playwright.sync_api import sync_playwright

    gallery = run / "gallery"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        opened = timed(
            page, lambda: page.goto((gallery / "map.html").as_uri(), wait_until="commit"), "html[data-ready]"
        )
        keep(page, pictures, "map")
        zoomed = timed(page, lambda: [page.click("[data-zoom=in]") for _ in range(2)], ".near")
        keep(page, pictures, "zoomed")
        page.goto((gallery / "painter-0" / "index.html").as_uri())
        page.wait_for_selector("html[data-ready]")
        large = timed(page, lambda: page.locator(".pairs a").first.click(), ".alike[data-kind=results]:not([hidden])")
        keep(page, pictures, "large view")
        browser.close()
    return [f"{seconds:.2f} s" for seconds in (opened, zoomed, large)]


def keep(page: object, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_load_state("networkidle")  # type: ignore[attr-defined]
        page.screenshot(path=folder / f"{name}.png")  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(sys.argv[1:])
