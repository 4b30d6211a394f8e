"""Reading batches: each file once, a style's only where its target is not kept, and always what lies on disk now."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from planned import planned

from nst_core.chunks import decoding
from nst_core.chunks.batch_tensors import engine_batch, target_of
from nst_core.chunks.decoding import BatchReader, CachedStyle, DecodedPair, RefusedPair, ScaledImage
from nst_core.config.run_config import parse_config
from nst_core.engine import method_session
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import to_tensor
from nst_core.engine.session import Session
from nst_core.errors import ImageTooSmall, MissingImage, TruncatedImage
from nst_core.run_folder.plan_table import PlannedPair

METHOD = {"recipe": "wavelet", "size": 48, "style_scale": 1.0}
CONTENT = ScaledImage(np.zeros((36, 48, 3), np.uint8), 48, 36, "0" * 64)
RECIPE = replace(parse_config({"method": METHOD}).method.resolve(), precision="float32")


@pytest.fixture
def session() -> Session:
    return Session(RECIPE, torch.device("cpu"))


@pytest.fixture
def reader(session: Session) -> BatchReader:
    return BatchReader(session, ImageLimits(), ImageLimits())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was decoded, by name."""
    counts: Counter[str] = Counter()
    original = decoding.decode_image

    def counting(path: Path, limits: ImageLimits) -> object:
        counts[path.name] += 1
        return original(path, limits)

    monkeypatch.setattr(decoding, "decode_image", counting)
    return counts


@pytest.fixture
def content(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    return make_image(tmp_path / "content.png", 64, 48, seed=1)


@pytest.fixture
def style(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    return make_image(tmp_path / "style.png", 56, 56, seed=2)


def row(content: Path, *styles: Path) -> PlannedPair:
    shares = (1.0,) * len(styles)
    return planned(content_path=str(content), style_paths=tuple(map(str, styles)), style_shares=shares, size=48)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def job_of(reader: BatchReader, row: PlannedPair) -> DecodedPair:
    (job,) = reader.batch([row])
    assert isinstance(job, DecodedPair), job
    return job


def test_a_job_has_images_at_their_working_sizes(reader: BatchReader, content: Path, style: Path) -> None:
    job = job_of(reader, row(content, style))
    painting = job.styles[0]
    assert isinstance(painting, ScaledImage)
    assert (job.content.pixels.shape, job.content.width, job.content.height) == ((36, 48, 3), 64, 48)
    assert painting.pixels.shape == (48, 48, 3)
    assert (job.content.sha256, job.style_sha256) == (sha256(content), sha256(style))


def test_in_a_batch_each_file_is_opened_once_good_or_bad(
    reader: BatchReader, content: Path, style: Path, opened: Counter[str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(style.read_bytes()[:200])
    jobs = reader.batch([row(content, style), row(content, bad), row(content, bad), row(bad, style)])
    assert [type(job) for job in jobs] == [DecodedPair, RefusedPair, RefusedPair, RefusedPair]
    assert opened == {"content.png": 1, "style.png": 1, "bad.png": 2}, "the bad one as a content and as a style"


def test_a_style_is_not_opened_again_while_its_target_is_being_made(
    reader: BatchReader, content: Path, style: Path, opened: Counter[str]
) -> None:
    jobs = [job_of(reader, row(content, style)) for _ in range(3)]
    assert opened["style.png"] == 1
    assert jobs[2].styles[0] is jobs[0].styles[0]


def test_a_style_whose_target_is_kept_is_not_opened(
    session: Session, reader: BatchReader, content: Path, style: Path, opened: Counter[str]
) -> None:
    target = target_of(job_of(reader, row(content, style)).styles[0], CONTENT, session)
    another = BatchReader(session, ImageLimits(), ImageLimits())
    job = job_of(another, row(content, style))
    assert job.styles[0] == CachedStyle(sha256(style), target)
    assert job.style_sha256 == sha256(style)
    assert opened["style.png"] == 1


def test_a_style_of_another_size_or_under_other_limits_is_opened_again(
    session: Session, reader: BatchReader, style: Path, opened: Counter[str]
) -> None:
    target_of(reader.style(style, 48), CONTENT, session)
    target_of(reader.style(style, 40), CONTENT, session)
    assert opened["style.png"] == 2
    with pytest.raises(ImageTooSmall, match="min_side = 60"):
        BatchReader(session, ImageLimits(), ImageLimits(min_side=60)).style(style, 48)


def test_a_target_dropped_before_its_turn_travels_with_its_job(
    style: Path, opened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method_session, "TARGET_BYTES", 1)
    session = Session(RECIPE, torch.device("cpu"))
    reader = BatchReader(session, ImageLimits(), ImageLimits())
    target = target_of(reader.style(style, 48), CONTENT, session)
    waiting = reader.style(style, 48)
    session.target("another", lambda: target)
    assert target_of(waiting, CONTENT, session) is target
    reader.batch([])
    reader.batch([])
    assert isinstance(reader.style(style, 48), ScaledImage), "dropped and no longer at hand: decoded again"
    assert opened["style.png"] == 2


@pytest.mark.parametrize("target_is_kept", [True, False])
def test_a_replaced_style_is_read_anew(
    session: Session,
    reader: BatchReader,
    content: Path,
    style: Path,
    make_image: Callable[..., Path],
    target_is_kept: bool,
) -> None:
    before = job_of(reader, row(content, style))
    if target_is_kept:
        target_of(before.styles[0], CONTENT, session)
    make_image(style, 56, 56, seed=3)
    after = job_of(reader, row(content, style))
    assert isinstance(after.styles[0], ScaledImage)
    assert after.style_sha256 == sha256(style) != before.style_sha256


def test_the_time_alone_tells_that_a_style_was_replaced(
    session: Session, reader: BatchReader, style: Path, opened: Counter[str]
) -> None:
    target = target_of(reader.style(style, 48), CONTENT, session)
    os.utime(style, ns=(0, 0))
    again = reader.style(style, 48)
    assert opened["style.png"] == 2
    assert target_of(again, CONTENT, session) is target, "the same bytes, the same target"


def test_a_style_that_changes_while_it_is_read_is_not_remembered(
    reader: BatchReader, content: Path, style: Path, opened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = iter([(9, 1), (9, 2), (9, 1), (9, 1)])
    monkeypatch.setattr(decoding, "file_state", lambda path: next(states))
    job_of(reader, row(content, style))
    job_of(reader, row(content, style))
    assert opened["style.png"] == 2


@pytest.mark.parametrize("damage", [truncate, Path.unlink])
def test_a_style_that_goes_bad_is_refused_although_its_target_is_kept(
    session: Session, reader: BatchReader, content: Path, style: Path, damage: Callable[[Path], None]
) -> None:
    target_of(job_of(reader, row(content, style)).styles[0], CONTENT, session)
    damage(style)
    (refused,) = reader.batch([row(content, style)])
    assert isinstance(refused, RefusedPair)
    assert isinstance(refused.error, TruncatedImage | MissingImage)
    assert refused.content_sha256 == sha256(content)
    assert refused.style_sha256 == (sha256(style) if style.exists() else None)


def test_blends_mix_kept_and_decoded_styles(
    session: Session, reader: BatchReader, content: Path, style: Path, tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    other = make_image(tmp_path / "other.png", 56, 56, seed=5)
    target_of(reader.style(style, 48), CONTENT, session)
    job = job_of(reader, row(content, style, other))
    assert [type(painting) for painting in job.styles] == [CachedStyle, ScaledImage]
    assert job.style_sha256 == f"{sha256(style)};{sha256(other)}"


def test_a_target_that_depends_on_the_content_is_made_for_each(
    style: Path, content: Path, tmp_path: Path, make_image: Callable[..., Path], opened: Counter[str]
) -> None:
    session = Session(replace(RECIPE, colour="content"), torch.device("cpu"))
    reader = BatchReader(session, ImageLimits(), ImageLimits())
    other = make_image(tmp_path / "other content.png", 64, 48, seed=9)
    jobs = [job_of(reader, row(path, style)) for path in (content, other, content)]
    targets = [target_of(job.styles[0], job.content, session) for job in jobs]
    assert torch.equal(targets[0].colours.mean, targets[2].colours.mean)
    assert not torch.equal(targets[0].colours.mean, targets[1].colours.mean)


def test_a_target_that_depends_on_the_content_takes_no_place_from_others(
    reader: BatchReader, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(method_session, "TARGET_BYTES", 1)
    session = Session(replace(RECIPE, colour="content"), torch.device("cpu"))
    painting = reader.style(style, 48)
    kept = session.target("kept", lambda: target_of(painting, CONTENT, Session(RECIPE, session.device)))
    target_of(painting, CONTENT, session)
    assert session.kept_target("kept") is kept


def test_contents_of_nearly_one_shape_share_a_batch_by_reflection(
    style: Path, tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    session = Session(replace(RECIPE, bucket=16), torch.device("cpu"))
    reader = BatchReader(session, ImageLimits(), ImageLimits())
    paths = [make_image(tmp_path / f"{height}.png", 48, height, seed=height) for height in (36, 40, 48)]
    jobs = [job_of(reader, row(path, style)) for path in paths]
    pairs = engine_batch(jobs, session)
    assert pairs.contents.shape == (3, 3, 48, 48)
    first = to_tensor(jobs[0].content.pixels)
    assert torch.equal(pairs.contents[0, :, :36], first)
    assert torch.equal(pairs.contents[0, :, 36:], first.flip(1)[:, :12])


def test_the_shorter_side_is_scaled_where_the_recipe_says_so(
    style: Path, tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    session = Session(replace(RECIPE, side="shorter"), torch.device("cpu"))
    reader = BatchReader(session, ImageLimits(), ImageLimits())
    job = job_of(reader, row(make_image(tmp_path / "wide.png", 192, 96, seed=1), style))
    assert job.content.pixels.shape == (48, 96, 3)
