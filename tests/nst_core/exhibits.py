"""Small run folders with results, built in the open, and the pages of their galleries as a visitor finds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from nst_core.run_folder.results import LOSS_TRACE

HOSTILE = ['"><script>alert(1)</script>', "AC/DC & Söhne's", "🎨 mère", "ابن سينا", "100% #1?a=b;c", "{{ 7*7 }}"]


def picture(path: Path, size: tuple[int, int] = (48, 32), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def row(run: Path, name: str, **changes: Any) -> dict[str, Any]:
    """A finished pair of its own content, style and result files; `changes` replace columns."""
    sources = run.parent / "sources"
    told = {
        "pair_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "status": "success",
        "content_path": str(sources / f"{name}.png"),
        "style_path": str(sources / "style.png"),
        "file_name": f"images/{name}--style.png",
        "artist": "Vincent van Gogh",
        "width": 48,
        "height": 32,
        "evaluations": 140,
        "total_loss": 1234.5,
        "seconds": 14.2,
        "method": "wavelet",
        "loss_trace": trace(10000.0, 1000.0, 100.0, 10.0),
    } | changes
    if told["status"] == "success":
        picture(sources / f"{name}.png", seed=1)
        picture(sources / "style.png", seed=2)
        picture(run / told["file_name"], seed=3)
    return told


def trace(*totals: float) -> list[dict[str, float]]:
    return [{"iteration": i, "content": 0.0, "style": 0.0, "tv": 0.0, "total": total} for i, total in enumerate(totals)]


def write_results(run: Path, slug: str, rows: Sequence[dict[str, Any]], part: str = "0") -> None:
    folder = run / "results" / f"artist_slug={slug}"
    folder.mkdir(parents=True, exist_ok=True)
    columns = {name: [one.get(name) for one in rows] for name in dict.fromkeys(key for one in rows for key in one)}
    traces = pa.array(columns.pop("loss_trace", [None] * len(rows)), LOSS_TRACE)
    pq.write_table(pa.table({**columns, "loss_trace": traces}), folder / f"part-{part}.parquet")


def new_run(folder: Path, name: str = "Cats & cups") -> Path:
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text(f"name: {name}\n")
    return folder


class Page(HTMLParser):
    """The tags of a page, its addresses, and its text as a visitor without script reads it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.tags, self.addresses, self.words = path, list[tuple[str, dict[str, str]]](), list[str](), [""]
        self._silent = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        self.addresses += [values[name] for name in ("href", "src") if values.get(name)]
        self.addresses += [one.split()[0] for one in values.get("srcset", "").split(",") if one.strip()]
        self._silent = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def cards(self) -> list[str]:
        """Where the cards of an artist's page lead to."""
        return [
            unquote(address) for address in self.addresses if address.startswith("../../") or "originals" in address
        ]

    @property
    def shown(self) -> list[dict[str, str]]:
        """The pictures of the page itself, without those that the lightbox is still to get."""
        return [image for image in self.every("img") if "/thumbs/" in f"/{image.get('src', '')}"]

    def every(self, tag: str, **values: str) -> list[dict[str, str]]:
        wanted = {name.rstrip("_"): value for name, value in values.items()}
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]


def script_data(path: Path) -> dict[str, Any]:
    """What `items.js` or `details-<page>.js` hands to the page."""
    text = path.read_text("utf-8")
    told: dict[str, Any] = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    return told


def details(folder: Path, number: int = 1) -> list[dict[str, Any]]:
    """What the lightbox shows of the results of one page, in their order."""
    return list(script_data(folder / f"details-{number}.js")["details"].values())


def check_links(gallery: Path, inside: Path) -> None:
    """Every address of pages and scripts leads to a file `inside` a folder, on no other host."""
    for path in [*gallery.rglob("*.html"), *gallery.rglob("details-*.js")]:
        addresses = Page(path).addresses if path.suffix == ".html" else _files(path)
        for address in set(addresses):
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, address
            assert not parts.netloc, address
            target = (path.parent / unquote(parts.path, errors="surrogateescape")).resolve() if parts.path else path
            assert target.is_file(), f"{path}: {address}"
            assert target.is_relative_to(inside.resolve()), address


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def _files(script: Path) -> list[str]:
    told = script_data(script)["details"].values()
    thumbs = [thumb for one in told for thumb in (one["before"], *(style["thumb"] for style in one["styles"])) if thumb]
    names = [f"../thumbs/{thumb['key']}-{w}x{h}.webp" for thumb in thumbs for w, h in thumb["sizes"]]
    return names + [one["file"] for one in told if one["file"]]
