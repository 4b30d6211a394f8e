"""Chunks, without Prefect: what is decoded where and how often, and the rows that come of it."""

from __future__ import annotations

import gc
import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from planned import planned
from torch import Tensor

from nst_core.chunks import decoding
from nst_core.chunks.work import ChunkWatch, Work
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.output import Output
from nst_core.config.run_config import parse_config
from nst_core.engine import method_session
from nst_core.engine import session as session_module
from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.recipe import Recipe
from nst_core.engine.tiling import objective as objective_module
from nst_core.errors import Interrupted
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.results import Result, chunk_file, read_chunk

BATCHES = 4
PNG = Output(format="png")

RECIPE = replace(
    parse_config({"method": {"recipe": "wavelet", "size": 48, "evaluations": 2}}).method.resolve(), precision="float32"
)


@dataclass
class Opened:
    """Which files were decoded, and by which threads."""

    files: Counter[str] = field(default_factory=Counter)
    threads: set[str] = field(default_factory=set)


@pytest.fixture(autouse=True)
def no_sessions_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "_sessions", Cache(session_module.MAX_SESSIONS))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    seen, original = Opened(), decoding.decode_image

    def noting(path: Path, limits: ImageLimits) -> object:
        seen.files[path.name] += 1
        seen.threads.add(threading.current_thread().name)
        return original(path, limits)

    monkeypatch.setattr(decoding, "decode_image", noting)
    return seen


@pytest.fixture
def folder(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    """Four contents of one shape and two styles."""
    for number in range(BATCHES):
        make_image(tmp_path / f"{number}.png", 64, 48, seed=number)
    for number in range(2):
        make_image(tmp_path / f"style{number}.png", 56, 56, seed=10 + number)
    return tmp_path


def chunk_of(folder: Path, name: str, *styles: str) -> Chunk:
    """Each content with each style; one batch per content."""
    rows = tuple(
        planned(
            pair_id=f"{number}-{style}",
            chunk_id=name,
            batch=number,
            content_path=str(folder / f"{number}.png"),
            style_paths=(str(folder / style),),
            file_name=f"images/{name}-{number}-{style}",
            size=48,
        )
        for number in range(BATCHES)
        for style in styles
    )
    return Chunk(name, "monet", rows, frozenset(row.pair_id for row in rows))


def results(folder: Path, chunk: Chunk, recipe: Recipe = RECIPE, output: Output = PNG) -> list[Result]:
    work = Work(folder / "run", recipe, None, output, ImageLimits(), ImageLimits(), "cpu")
    stylize_chunk(chunk, work)
    return list(read_chunk(chunk_file(work.run_folder, chunk.artist_slug, chunk.chunk_id)).values())


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_painting_in_many_batches_and_chunks_is_opened_once(folder: Path, opened: Opened) -> None:
    first = results(folder, chunk_of(folder, "first", "style0.png"))
    second = results(folder, chunk_of(folder, "second", "style0.png"))
    assert opened.files["style0.png"] == 1
    assert opened.files["0.png"] == 2
    assert [row.status for row in first + second] == ["success"] * 2 * BATCHES
    assert {row.style_sha256 for row in first + second} == {sha256(folder / "style0.png")}
    assert [row.output_sha256 for row in first] == [row.output_sha256 for row in second]


def test_files_are_decoded_on_the_decode_thread_only(folder: Path, opened: Opened) -> None:
    results(folder, chunk_of(folder, "first", "style0.png", "style1.png"))
    assert {name.partition("_")[0] for name in opened.threads} == {"decode"}


def test_a_painting_replaced_between_chunks_is_read_anew(
    folder: Path, opened: Opened, make_image: Callable[..., Path]
) -> None:
    first = results(folder, chunk_of(folder, "first", "style0.png"))
    make_image(folder / "style0.png", 56, 56, seed=99)
    second = results(folder, chunk_of(folder, "second", "style0.png"))
    assert opened.files["style0.png"] == 2
    assert {row.style_sha256 for row in second} == {sha256(folder / "style0.png")}
    assert not {row.output_sha256 for row in first} & {row.output_sha256 for row in second}


def test_a_painting_truncated_between_chunks_quarantines_its_pairs(folder: Path) -> None:
    results(folder, chunk_of(folder, "first", "style0.png", "style1.png"))
    bad = folder / "style0.png"
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    second = results(folder, chunk_of(folder, "second", "style0.png", "style1.png"))
    assert [row.status for row in second] == ["quarantined", "success"] * BATCHES
    refused = second[0]
    assert (refused.error_class, refused.error_message) == (
        "TruncatedImage",
        f"{bad}: the file ends before the image does",
    )
    assert refused.style_sha256 == sha256(bad)


def test_targets_that_do_not_fit_the_cache_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = results(folder, chunk_of(folder, "roomy", "style0.png", "style1.png"))
    monkeypatch.setattr(session_module, "_sessions", Cache(session_module.MAX_SESSIONS))
    monkeypatch.setattr(method_session, "TARGET_BYTES", 1)
    tight = results(folder, chunk_of(folder, "tight", "style0.png", "style1.png"))
    assert [row.output_sha256 for row in tight] == [row.output_sha256 for row in roomy]


def test_padded_pairs_come_out_in_their_own_size_and_share_a_batch(
    folder: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    stylize = session_module.Session.stylize
    monkeypatch.setattr(
        session_module.Session,
        "stylize",
        lambda self, pairs, *rest: (batches.append(tuple(pairs.contents.shape)), stylize(self, pairs, *rest))[1],
    )
    make_image(folder / "1.png", 64, 56, seed=1)  # 48 × 42 at its working size; the others are 48 × 36
    chunk = chunk_of(folder, "padded", "style0.png")
    chunk = replace(chunk, rows=tuple(replace(row, batch=0) for row in chunk.rows))
    rows = results(folder, chunk, replace(RECIPE, bucket=16))
    assert batches == [(BATCHES, 3, 48, 48)]
    assert [(row.width, row.height) for row in rows] == [(48, 36), (48, 42), (48, 36), (48, 36)]
    for row in rows:
        with Image.open(folder / "run" / str(row.file_name)) as image:
            assert image.size == (row.width, row.height)


def test_rows_have_scales_of_their_own_size(folder: Path, make_image: Callable[..., Path]) -> None:
    """The scales follow a row's size; padded batches stay together at every scale."""
    for name in ("0.png", "1.png", "style0.png"):
        make_image(folder / name, 128, 90 if name == "1.png" else 96, seed=ord(name[0]))
    recipe = replace(RECIPE, scales=(36, 48), evaluations=(3, 2), bucket=16)
    rows = [
        planned(
            pair_id=f"{number}", chunk_id="sized", batch=batch, content_path=str(folder / f"{number % 2}.png"),
            style_paths=(str(folder / "style0.png"),), file_name=f"images/{number}", size=size,
        )
        for number, batch, size in ((0, 0, 64), (1, 0, 64), (2, 1, 96))
    ]  # fmt: skip
    shapes: list[tuple[int, ...]] = []
    original = objective_module.Objective

    class Noting(original):  # type: ignore[misc, valid-type]
        def __init__(self, recipe: Recipe, extractor: object, contents: Tensor, *rest: object) -> None:
            shapes.append(tuple(contents.shape))
            super().__init__(recipe, extractor, contents, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective_module, "Objective", Noting)
        made = results(folder, Chunk("sized", "monet", tuple(rows), frozenset(row.pair_id for row in rows)), recipe)
    assert shapes == [(2, 3, 36, 48), (2, 3, 48, 64), (1, 3, 60, 72), (1, 3, 80, 96)]
    assert [(row.width, row.height, row.evaluations) for row in made] == [(64, 48, 5), (64, 45, 5), (96, 72, 5)]
    for row in made:
        assert [point.iteration for point in row.loss_trace or ()] == [0, 1, 2, 3, 4, 5]
        assert row.loss_trace
        assert row.loss_trace[-1].total == row.total_loss


def test_previews_lie_beside_the_images_and_are_of_their_size(folder: Path) -> None:
    chunk = chunk_of(folder, "some", "style0.png")
    recipe = replace(RECIPE, evaluations=5)
    plain = results(folder, replace(chunk, wanted=frozenset()), recipe)
    rows = results(folder, chunk, recipe, Output(format="png", previews=2))
    assert plain == []
    for row in rows:
        previews = folder / "run" / "previews" / Path(str(row.file_name)).stem
        assert sorted(path.name for path in previews.iterdir()) == ["000000.jpg", "000002.jpg", "000004.jpg"]
        with Image.open(previews / "000004.jpg") as image:
            assert image.size == (row.width, row.height)


def test_an_optimisation_split_for_want_of_memory_reports_and_previews_every_pair_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_limit, original = 2, session_module.stylize_batch

    def limited(pairs: Pairs, *rest: object) -> StylizedBatch:
        if len(pairs.contents) > batch_limit:
            raise torch.OutOfMemoryError("full")
        return original(pairs, *rest)

    monkeypatch.setattr(session_module, "stylize_batch", limited)
    chunk = chunk_of(folder, "split", "style0.png")
    chunk = replace(chunk, rows=tuple(replace(row, batch=0) for row in chunk.rows))
    counts: list[int] = []
    output = Output(format="png", previews=100)
    work = Work(folder / "run", RECIPE, None, output, ImageLimits(), ImageLimits(), "cpu")
    stylize_chunk(chunk, work, ChunkWatch(counts.append))
    assert sum(counts) == BATCHES * RECIPE.evaluations
    assert min(counts) >= 0
    assert len(list((folder / "run" / "previews").rglob("000000.jpg"))) == BATCHES


@pytest.mark.parametrize("way", ["luminance", "matching"])
def test_the_content_s_colours_can_be_kept(folder: Path, way: str) -> None:
    with Image.open(folder / "style0.png") as image:
        reddish = np.asarray(image.convert("RGB")) * np.array([1.0, 0.3, 0.2])
    Image.fromarray(reddish.astype(np.uint8)).save(folder / "red.png")
    recipe = replace(RECIPE, colour="content", keep_colour_by=way, evaluations=10)
    rows = results(folder, chunk_of(folder, "kept", "red.png"), recipe)
    plain = results(folder, chunk_of(folder, "plain", "red.png"), replace(RECIPE, evaluations=10))
    assert [row.status for row in rows] == ["success"] * BATCHES
    for kept, styled, number in zip(rows, plain, range(BATCHES), strict=True):
        paths = folder / f"{number}.png", *(folder / "run" / str(row.file_name) for row in (kept, styled))
        content, near, far = (np.asarray(Image.open(path).convert("RGB")).mean(axis=(0, 1)) for path in paths)
        assert np.abs(near - content).max() < 0.3 * np.abs(far - content).max()


def test_memory_does_not_grow_with_the_number_of_pairs(folder: Path) -> None:
    """Tensors alive after many chunks are those alive after a few."""

    def alive() -> int:
        gc.collect()
        kinds = Counter(map(type, gc.get_objects()))
        return sum(count for kind, count in kinds.items() if issubclass(kind, torch.Tensor))

    counts = []
    for number in range(6):
        results(folder, chunk_of(folder, f"chunk{number}", "style0.png", "style1.png"))
        counts.append(alive())
    assert counts[1] == counts[-1]


@pytest.mark.parametrize(("size", "shape"), [("method", (48, 36)), ("original", (64, 48))])
def test_an_unstylized_content_is_delivered_as_it_is(folder: Path, size: str, shape: tuple[int, int]) -> None:
    chunk = chunk_of(folder, "plain", "style0.png")
    bare = replace(chunk.rows[1], style_ids=(), style_paths=(), style_shares=(), style_sha256=(), artist="unstylized")
    mixed = replace(chunk, rows=(chunk.rows[0], bare), wanted=frozenset(row.pair_id for row in chunk.rows[:2]))
    styled, plain = results(folder, mixed, output=Output.model_validate({"format": "png", "size": size}))
    assert (styled.status, plain.status) == ("success", "success")
    assert (plain.total_loss, plain.loss_trace, plain.method, plain.evaluations) == (None, None, None, 0)
    assert (plain.width, plain.height) == shape
    assert plain.output_sha256 == sha256(folder / "run" / str(plain.file_name))
    original = Image.open(folder / "1.png").convert("RGB")
    expected = original if size == "original" else original.resize(shape, Image.Resampling.LANCZOS)
    assert np.array_equal(np.array(Image.open(folder / "run" / str(plain.file_name))), np.array(expected))


def test_an_unstylized_content_may_be_narrower_than_any_layer(folder: Path, make_image: Callable[..., Path]) -> None:
    make_image(folder / "1.png", 640, 30)
    chunk = chunk_of(folder, "plain", "style0.png")
    bare = replace(chunk.rows[1], style_ids=(), style_paths=(), style_shares=(), style_sha256=(), artist="unstylized")
    (row,) = results(folder, replace(chunk, rows=(bare,), wanted=frozenset({bare.pair_id})))
    assert (row.status, row.width, row.height) == ("success", 48, 2)


def test_what_is_left_out_is_skipped_without_being_opened(folder: Path, opened: Opened) -> None:
    chunk = chunk_of(folder, "some", "style0.png")
    message = f"{folder}/0.png: its licence, CC-BY-ND-2.0, is left out by content.exclude_licenses (nd)"
    left_out = replace(chunk.rows[0], error_class="ExcludedLicense", error_message=message)
    rows = results(folder, replace(chunk, rows=(left_out, *chunk.rows[1:])))
    assert [row.status for row in rows] == ["skipped", *["success"] * (BATCHES - 1)]
    assert (rows[0].error_class, rows[0].error_message) == ("ExcludedLicense", message)
    assert opened.files["0.png"] == 0


def test_a_chunk_that_has_to_stop_waits_for_no_decoder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = threading.Event(), threading.Event()

    def decode_forever(*_: object) -> None:
        begun.set()
        over.wait(30)
        raise OSError("too late")

    monkeypatch.setattr(decoding, "decode_image", decode_forever)
    work = Work(folder / "run", RECIPE, None, PNG, ImageLimits(), ImageLimits(), "cpu")
    try:
        with pytest.raises(Interrupted):
            stylize_chunk(chunk_of(folder, "stuck", "style0.png"), work, ChunkWatch(should_stop=begun.is_set))
        assert not over.is_set()
    finally:
        over.set()


def test_strengths_of_rows_come_before_the_recipe_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At strength 0 the content comes back without an evaluation; the others' weights are told as they were."""
    chunk = chunk_of(folder, "first", "style0.png")
    strengths = (0.0, None, 0.75, 0.25)
    rows = tuple(replace(row, strength=strength) for row, strength in zip(chunk.rows, strengths, strict=True))
    recipe = replace(RECIPE, strength=0.8)
    made = results(folder, replace(chunk, rows=rows), recipe)
    assert [row.evaluations for row in made] == [0, 2, 2, 2]
    weights = [(row.alpha, row.beta, row.tv_weight) for row in made[1:]]
    for found, (alpha, tv_weight) in zip(weights, ((0.25, 1), (1 / 3, 1), (1, 0.5)), strict=True):
        assert found == pytest.approx((alpha * RECIPE.alpha, RECIPE.beta, tv_weight * RECIPE.tv_weight))
    for row in made[1:]:
        terms = (row.alpha or 0) * (row.content_loss or 0) + (row.beta or 0) * (row.style_loss or 0)
        assert row.total_loss == pytest.approx(terms + (row.tv_weight or 0) * (row.tv_loss or 0), rel=1e-5)
    content = np.asarray(Image.open(folder / "0.png").convert("RGB").resize((48, 36), Image.Resampling.LANCZOS), int)
    assert abs(np.asarray(Image.open(folder / "run" / str(made[0].file_name)), int) - content).max() <= 8
