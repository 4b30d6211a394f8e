"""The quality table: what networks that made none of the pictures say of every method, our own and its peers.

    uv run --group peers python tests/benchmarks/quality_table.py make
    uv run --group peers python tests/benchmarks/quality_table.py table --sheet outputs/quality_table/sheet.png

20 photographs × 10 paintings of the developers' training data (`--pairs demo`: the built-in pictures), a fixed draw of
files that no setting was chosen on (choose_fast.py and quality.py had the built-in pictures, COCO and the artworks);
quality_split.txt records the drawn files, and a draw that differs from it stops the script. Quick methods make every
pair, slow ones the first few; each table holds the methods that made all of its pairs. Pictures, and what judges say of
them, are kept in outputs/quality_table/, so that a call which was stopped goes on, and a recipe that has changed makes
its pictures again. Methods alternate pair by pair, on one thread. Settings are compared on `--pairs shared`, COCO and
the artworks, where a method may also be a recipe with keys set:

    uv run python tests/benchmarks/quality_table.py make --pairs shared --count 6 --methods fast 'fast beta=5'
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import platform
import random
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median

import numpy as np
import torch
from jury import Jury, mean_quality, table
from pairs import ROOT, SHARED, Pair, demo_pairs, fitted, shared_pairs, spread
from PIL import Image, ImageOps
from quality_methods import METHODS, Method, method_named

from nst_core.engine.colour import colour_statistics, match_colours
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, to_pixels, to_tensor
from nst_core.engine.quality import Quality, StyleStatistics
from nst_core.judging.networks import NETWORKS
from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

TRAINING = SHARED / "data" / "training"
PHOTOGRAPHS, PAINTINGS, SEED = 20, 10, 14
MADE = ROOT / "outputs" / "quality_table"
SPLIT = Path(__file__).with_name("quality_split.txt")
CELL = (192, 144)


@dataclass(frozen=True)
class Made:
    """A picture, and what it took: CPU seconds, and evaluations of an objective (0: none)."""

    path: Path
    seconds: float
    evaluations: int


def training_pairs(training: Path = TRAINING) -> list[Pair]:
    """The fixed draw, spread so that any first few have different photographs and different paintings."""
    photographs = drawn(sorted((training / "photographs").rglob("*.jpg")), PHOTOGRAPHS)
    paintings = drawn(sorted((training / "paintings").rglob("*.jpg")), PAINTINGS)
    pairs = [Pair(content, style) for style in paintings for content in photographs]
    places = {path: place for place, path in enumerate((*photographs, *paintings))}
    # Turn t pairs photograph p with painting p + t: the first turn has every photograph once and every painting twice.
    turn = {pair: (places[pair.style] - places[pair.content]) % len(paintings) for pair in pairs}
    return sorted(pairs, key=lambda pair: (turn[pair], places[pair.content]))


def drawn(paths: Sequence[Path], count: int) -> list[Path]:
    """`count` of the paths, the same ones every time."""
    return random.Random(SEED).sample(list(paths), min(count, len(paths)))


def chosen_pairs(name: str, data: Path) -> list[Pair]:
    if name == "demo":
        pairs = demo_pairs(data)
        return spread(pairs, len(pairs))
    if name == "shared" and (pairs := shared_pairs()):
        return spread(pairs, len(pairs))
    if not TRAINING.is_dir():
        sys.exit("There is no ../shared/data beside this checkout: use --pairs demo.")
    pairs = training_pairs()
    check_split(pairs, TRAINING, SPLIT.read_text(encoding="utf-8"), shared_pairs())
    return pairs


def split_of(pairs: Sequence[Pair], folder: Path) -> str:
    """A line per file of the pairs: its SHA-256, and its path below the folder."""
    paths = sorted({path for pair in pairs for path in (pair.content, pair.style)})
    return "".join(f"{digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths)


def check_split(pairs: Sequence[Pair], folder: Path, recorded: str, chosen_on: Sequence[Pair]) -> None:
    """End the script where the files are not those recorded, or a setting was chosen on one of them (byte by byte)."""
    if split_of(pairs, folder) != recorded:
        sys.exit(f"The drawn files are not those of {SPLIT.name}: the training data have changed.")
    digests = {line.split()[0] for line in recorded.splitlines()}
    for path in sorted({path for pair in chosen_on for path in (pair.content, pair.style)}):
        if digest(path) in digests:
            sys.exit(f"{path} is in the table's pairs, but settings were chosen on it.")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def picture_of(method: Method, pair: Pair, size: int, folder: Path) -> Made:
    """The picture, made unless it is kept."""
    path = picture_path(method, pair, size, folder)
    if made := kept_picture(path):
        return made
    pixels, seconds, evaluations = method.make(pair, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    path.with_suffix(".json").write_text(
        json.dumps({"seconds": seconds, "evaluations": evaluations}), encoding="utf-8"
    )  # last: with it the picture is whole
    print(f"{path.parent.name}/{path.name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return Made(path, seconds, evaluations)


def kept(method: Method, pairs: Sequence[Pair], size: int, folder: Path) -> list[Made]:
    """The pictures of the first pairs, up to the first that is not there."""
    pictures = (kept_picture(picture_path(method, pair, size, folder)) for pair in pairs)
    return [made for made in itertools.takewhile(lambda made: made is not None, pictures) if made]


def kept_picture(path: Path) -> Made | None:
    record = path.with_suffix(".json")
    return Made(path, **json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else None


def picture_path(method: Method, pair: Pair, size: int, folder: Path) -> Path:
    return method_folder(method, size, folder) / f"{pair.content.stem}--{pair.style.stem}.png"


def method_folder(method: Method, size: int, folder: Path) -> Path:
    return folder / f"{method.name}-{method.key(size)}"


def write_peak(method: Method, size: int, folder: Path, peak: int) -> None:
    """Keep the peak memory of a method, in bytes."""
    record = method_folder(method, size, folder) / "peak.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(peak), encoding="utf-8")


def kept_peak(method: Method, size: int, folder: Path) -> int | None:
    """What quality_memory.py has measured; None where it has not."""
    record = method_folder(method, size, folder) / "peak.json"
    return json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None


def tiers(counts: Mapping[str, int]) -> list[tuple[int, list[str]]]:
    """How many pairs each table has, fewest first, and its methods: those that made at least so many."""
    sizes = sorted({count for count in counts.values() if count})
    return [(size, [name for name, count in counts.items() if count >= size]) for size in sizes]


class Verdicts:
    """What a jury says of pictures at a size; of those in files it is kept beside them."""

    def __init__(self, jury: Jury, size: int) -> None:
        self.jury, self.size = jury, size
        self._styles: dict[tuple[str, Path], StyleStatistics] = {}

    def of(self, judge: str, picture: Pixels | Made, pair: Pair) -> Quality:
        if not isinstance(picture, Made):
            return self._asked(judge, picture, pair)
        network = hashlib.sha256(f"{NETWORKS[judge]} {self.size}".encode()).hexdigest()[:8]
        record = picture.path.with_suffix(f".{judge}-{network}.json")
        if not record.is_file():
            quality = self._asked(judge, np.asarray(Image.open(picture.path)), pair)
            record.write_text(json.dumps(asdict(quality)), encoding="utf-8")
        return Quality(**json.loads(record.read_text(encoding="utf-8")))

    def _asked(self, judge: str, pixels: Pixels, pair: Pair) -> Quality:
        content = to_tensor(loaded(pair.content, self.size))
        image = to_tensor(np.asarray(Image.fromarray(pixels).resize((content.shape[2], content.shape[1]))))
        if (judge, pair.style) not in self._styles:
            self._styles[judge, pair.style] = self.jury.style(judge, to_tensor(loaded(pair.style, self.size)))
        return self.jury.verdict(judge, image, content, self._styles[judge, pair.style])


def loaded(path: Path, size: int) -> Pixels:
    return fitted(decode_image(path, ImageLimits()).pixels, size)


def baselines(pairs: Sequence[Pair], size: int) -> dict[str, list[Pixels]]:
    """The content, the content in the style's colours, and the style cropped to the content's shape."""
    contents = [loaded(pair.content, size) for pair in pairs]
    styles = [loaded(pair.style, size) for pair in pairs]
    both = list(zip(contents, styles, strict=True))
    return {
        "the content itself": contents,
        "the content in the style's colours": [recoloured(content, style) for content, style in both],
        "the style itself": [cropped(style, content) for content, style in both],
    }


def recoloured(content: Pixels, style: Pixels) -> Pixels:
    return to_pixels(match_colours(to_tensor(content), colour_statistics(to_tensor(style))))


def cropped(style: Pixels, content: Pixels) -> Pixels:
    return np.asarray(ImageOps.fit(Image.fromarray(style), (content.shape[1], content.shape[0])))


def cost(pictures: Sequence[Made], peak: int | None = None) -> str:
    """Seconds, evaluations if there are any, and peak memory if it is known."""
    seconds, evaluations = median(made.seconds for made in pictures), pictures[0].evaluations
    texts = [f"{seconds:.2g} s" if seconds < 99.5 else f"{round(seconds, -1):.0f} s"]
    texts += [str(evaluations)] if evaluations else []
    texts += [f"{peak / 1e9:.1f} GB"] if peak else []
    return ", ".join(texts)


def print_tables(methods: Sequence[Method], pairs: Sequence[Pair], options: argparse.Namespace) -> None:
    folder = MADE / options.pairs / str(options.size)
    pictures = {method.name: kept(method, pairs, options.size, folder) for method in methods}
    peaks = {method.name: kept_peak(method, options.size, folder) for method in methods}
    verdict = Verdicts(Jury(options.judges), options.size).of
    makers = {method.name: method.features for method in methods}
    said: dict[tuple[str, int], dict[str, Quality]] = {}
    for count, names in tiers({name: len(made) for name, made in pictures.items()}):
        some = pairs[:count]
        shown: dict[str, Sequence[Pixels | Made]] = {**baselines(some, options.size)}
        shown |= {name: pictures[name][:count] for name in names}
        rows = {}
        for name, images in shown.items():
            for place, (image, pair) in enumerate(zip(images, some, strict=True)):
                if (name, place) not in said:
                    said[name, place] = {judge: verdict(judge, image, pair) for judge in options.judges}
            verdicts = [said[name, place] for place in range(count)]
            rows[name] = {judge: mean_quality([heard[judge] for heard in verdicts]) for judge in options.judges}
        costs = {name: cost(pictures[name][:count], peaks[name]) for name in names}
        print(f"\nThe first {count} pairs:\n\n{table(rows, makers, costs)}", flush=True)
    if options.sheet:
        count = min(len(made) for made in pictures.values() if made)
        sheet(pairs[: min(count, options.rows)], {n: made for n, made in pictures.items() if made}).save(options.sheet)


def sheet(pairs: Sequence[Pair], pictures: Mapping[str, Sequence[Made]]) -> Image.Image:
    """A row per pair: content, style, and every method's picture, cropped to one shape."""
    rows = []
    for place, pair in enumerate(pairs):
        paths = {"content": pair.content, "style": pair.style}
        paths |= {name: made[place].path for name, made in pictures.items()}
        rows.append(PictureRow([LabelledPicture(cell(path), title) for title, path in paths.items()]))
    return Image.fromarray(draw_rows(rows))


def cell(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), CELL, Image.Resampling.LANCZOS))


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    pairs = chosen_pairs(options.pairs, options.data)[: options.count]
    methods = [method_named(text) for text in options.methods]
    if options.command == "make":
        folder = MADE / options.pairs / str(options.size)
        for pair in pairs:
            for method in methods:
                picture_of(method, pair, options.size, folder)
        return
    given = sys.argv[1:] if arguments is None else list(arguments)
    print(f"{date.today()}, Python {platform.python_version()}, torch {torch.__version__}:\n")
    print(f"    uv run --group peers python tests/benchmarks/quality_table.py {shlex.join(given)}")
    print_tables(methods, pairs, options)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("command", choices=("make", "table"))
    options.add_argument("--methods", nargs="+", metavar="METHOD", default=list(METHODS), help=", ".join(METHODS))
    options.add_argument("--pairs", choices=("training", "shared", "demo"), default="training")
    options.add_argument("--count", type=int, help="the first so many pairs, else all")
    options.add_argument("--size", type=int, default=192)
    options.add_argument("--judges", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--sheet", type=Path, help="write the contact sheet here")
    options.add_argument("--rows", type=int, default=6, help="of the sheet, at most")
    options.add_argument("--data", type=Path, default=ROOT / "data", help="where the built-in images are put")
    return options


if __name__ == "__main__":
    main()
