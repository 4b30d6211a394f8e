"""The scan: what it finds, what it remembers, and when it must not trust its memory."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image
from nst_core.errors import ImageTooLarge, ImageTooSmall, InputError, MissingImage, TruncatedImage, UnreadableName
from nst_core.sources.index import image_metadata
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.scan import inspect_input, scan

MakeImage = Callable[..., Path]
HOUR = 3600 * 10**9
WAYS = [ScanOptions(), ScanOptions(verify="full"), ScanOptions(phash=True), ScanOptions(verify="full", phash=True)]


def aged(path: Path, ns: int = HOUR) -> Path:
    """As if written so long ago."""
    os.utime(path, ns=(time.time_ns() - ns,) * 2)
    return path


def look(path: Path, wanted: ScanOptions | None = None, cache: IndexCache | None = None) -> Input:
    return scan({path: wanted or ScanOptions()}, cache)[path]


def fresh(tmp_path: Path) -> IndexCache:
    """What the next process would have."""
    return IndexCache([tmp_path], tmp_path / "cache")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that a scan opens, as it does."""
    names: list[str] = []
    read, stream = image_metadata.read_bytes, image_metadata.open_file
    monkeypatch.setattr(image_metadata, "read_bytes", lambda path: names.append(path.name) or read(path))
    monkeypatch.setattr(image_metadata, "open_file", lambda path: names.append(path.name) or stream(path))
    return names


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture
def zoo(tmp_path: Path, make_image: MakeImage) -> list[Path]:
    """One file of every kind that an image folder may hold, sound ones among them; an hour old."""
    jpeg = make_image(tmp_path / "sound.jpg").read_bytes()
    png = bytearray(make_image(tmp_path / "sound.png").read_bytes())
    damaged = png.copy()
    damaged[len(damaged) // 2] ^= 0xFF
    bomb = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    files = {
        "empty.jpg": b"",
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut_header.jpg": jpeg[:100],
        "cut.png": bytes(png[: len(png) // 2]),
        "checksum.png": bytes(damaged),
        "text.jpg": b"Dear reader, I am not a photograph.",
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>',
        "bomb.png": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", bomb) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b""),
        "bomb.gif": b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0, 0, 0) + b";",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    make_image(tmp_path / "tiny.png", 12, 9)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(tmp_path / "sound.png").save(tmp_path / "rotated.jpg", exif=exif)
    Image.open(tmp_path / "sound.png").save(tmp_path / "animated.webp", save_all=True)
    Image.open(tmp_path / "sound.png").convert("CMYK").save(tmp_path / "inks.jpg")
    paths = sorted(path for path in tmp_path.iterdir() if path.is_file())
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "folder.jpg").mkdir()
    others = ["dangling.jpg", "folder.jpg", "not_there.jpg", os.fsdecode(b"caf\xe9.jpg"), "a\0b.jpg", "x" * 300]
    return [*map(aged, paths), *(tmp_path / name for name in others)]


def verdict(found: Input) -> tuple[object, ...]:
    return found.path, found.width, found.height, found.sha256, str(found.error), type(found.error)


@pytest.mark.parametrize("wanted", WAYS, ids=repr)
def test_a_remembered_file_gets_the_same_verdict_as_one_that_is_read(
    tmp_path: Path, zoo: list[Path], wanted: ScanOptions
) -> None:
    first = scan(dict.fromkeys(zoo, wanted), fresh(tmp_path))
    again = scan(dict.fromkeys(zoo, wanted), fresh(tmp_path))
    assert [verdict(one) for one in again.values()] == [verdict(one) for one in first.values()]
    assert [(one.mode, one.format, one.phash) for one in again.values()] == [
        (one.mode, one.format, one.phash) for one in first.values()
    ]


def test_header_mode_says_what_a_single_look_says(zoo: list[Path]) -> None:
    for path, found in scan(dict.fromkeys(zoo, ScanOptions())).items():
        assert verdict(found) == verdict(inspect_input(path, ImageLimits()))


def test_full_mode_says_what_decoding_says(zoo: list[Path]) -> None:
    for path, found in scan(dict.fromkeys(zoo[:-4], ScanOptions(verify="full"))).items():
        if found.error is None:
            info = decode_image(path, ImageLimits()).info
            assert (found.width, found.height) == (info.width, info.height)
        else:
            with pytest.raises(type(found.error)) as refused:
                decode_image(path, ImageLimits())
            assert str(refused.value) == str(found.error)


def test_the_zoo_gets_its_reasons(zoo: list[Path]) -> None:
    found = scan(dict.fromkeys(zoo, ScanOptions(verify="full")))
    names = {path.name: type(one.error).__name__ for path, one in found.items() if one.error}
    assert names == {
        "empty.jpg": "EmptyImage",
        "cut.jpg": "TruncatedImage",
        "cut_header.jpg": "TruncatedImage",
        "cut.png": "TruncatedImage",
        "checksum.png": "CorruptImage",
        "text.jpg": "NotAnImage",
        "drawing.svg": "NotAnImage",
        "bomb.png": "ImageTooLarge",
        "bomb.gif": "ImageTooLarge",
        "tiny.png": "ImageTooSmall",
        "dangling.jpg": "MissingImage",
        "folder.jpg": "UnreadableImage",
        "not_there.jpg": "MissingImage",
        os.fsdecode(b"caf\xe9.jpg"): "UnreadableName",
        "a\0b.jpg": "MissingImage",
        "x" * 300: "MissingImage",
    }


def test_big_files_are_hashed_piece_by_piece_and_judged_alike(zoo: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted in WAYS:
        whole = scan(dict.fromkeys(zoo, wanted))
        with monkeypatch.context() as patch:
            patch.setattr(image_metadata, "_READ_WHOLE", 0)
            pieces = scan(dict.fromkeys(zoo, wanted))
        assert [verdict(one) for one in pieces.values()] == [verdict(one) for one in whole.values()]


@pytest.mark.parametrize("head", [b"no image at all", b"\xff\xd8\xff\xe0 a JPEG of sorts", b"BM"], ids=repr)
def test_a_big_file_is_never_in_memory_whole(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "video.jpg"
    path.write_bytes(head)
    os.truncate(path, image_metadata._READ_WHOLE + 2**20)
    tracemalloc.start()
    found = look(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.error is not None
    assert found.sha256 is not None
    assert peak < 20 * 2**20


def test_unchanged_files_are_not_opened_again(tmp_path: Path, zoo: list[Path], opened: list[str]) -> None:
    wanted = dict.fromkeys(zoo, ScanOptions(verify="full", phash=True))
    scan(wanted, fresh(tmp_path))
    opened.clear()
    scan(wanted, fresh(tmp_path))
    never_cached = {"empty.jpg", "dangling.jpg", "folder.jpg", "not_there.jpg", "a\0b.jpg", "x" * 300}
    assert set(opened) == never_cached


def test_a_hit_needs_no_permission_to_read(tmp_path: Path, make_image: MakeImage) -> None:
    path = aged(make_image(tmp_path / "a.png"))
    first = look(path, cache=fresh(tmp_path))
    state = path.stat()
    path.write_bytes(b"x" * state.st_size)  # to root everything is readable: other bytes prove it as well
    os.utime(path, ns=(state.st_mtime_ns,) * 2)
    path.chmod(0)
    assert look(path, cache=fresh(tmp_path)) == first


@pytest.mark.parametrize("change", ["size", "mtime"])
def test_a_changed_file_is_read_again(tmp_path: Path, make_image: MakeImage, change: str) -> None:
    path = aged(make_image(tmp_path / "a.png"))
    look(path, cache=fresh(tmp_path))
    state, data = path.stat(), path.read_bytes()
    other = data + b"more" if change == "size" else data[:-1] + b"?"
    path.write_bytes(other)
    os.utime(path, ns=(state.st_mtime_ns + (0 if change == "size" else 1),) * 2)
    assert look(path, cache=fresh(tmp_path)).sha256 == hashlib.sha256(other).hexdigest()


@pytest.mark.parametrize("age", [0, 10**9, -HOUR], ids=["now", "a second ago", "in the future"])
def test_a_file_that_may_still_change_within_its_mtime_is_not_trusted(
    tmp_path: Path, make_image: MakeImage, age: int
) -> None:
    path = aged(make_image(tmp_path / "a.png"), age)
    look(path, cache=fresh(tmp_path))
    state = path.stat()
    path.write_bytes(b"x" * state.st_size)
    os.utime(path, ns=(state.st_mtime_ns,) * 2)
    assert type(look(path, cache=fresh(tmp_path)).error).__name__ == "NotAnImage"


def test_a_cut_jpeg_passes_by_its_header_and_fails_when_decoded(tmp_path: Path, make_image: MakeImage) -> None:
    data = make_image(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:-200])
    path = aged(tmp_path / "a.jpg")
    assert look(path, cache=fresh(tmp_path)).error is None
    assert isinstance(look(path, ScanOptions(verify="full"), fresh(tmp_path)).error, TruncatedImage)
    assert isinstance(look(path, cache=fresh(tmp_path)).error, TruncatedImage)  # known by now


def test_limits_are_applied_to_what_is_remembered(tmp_path: Path, make_image: MakeImage, opened: list[str]) -> None:
    path = aged(make_image(tmp_path / "a.png", 80, 60))
    small, large = ImageLimits(min_side=61), ImageLimits(max_pixels=80 * 60 - 1)
    just = ImageLimits(min_side=60, max_pixels=80 * 60)
    limits = [ImageLimits(), small, large, just]
    found = [look(path, ScanOptions(one), fresh(tmp_path)) for one in limits]
    assert opened == ["a.png"]
    assert [type(one.error) for one in found] == [type(None), ImageTooSmall, ImageTooLarge, type(None)]
    assert [one.width for one in found] == [80, 0, 0, 80]
    for one in (small, large):
        with pytest.raises(InputError) as refused:
            decode_image(path, one)
        assert str(refused.value) == str(look(path, ScanOptions(one), fresh(tmp_path)).error)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "jpg"])
def test_an_image_that_was_too_large_once_is_read_under_wider_limits(
    tmp_path: Path, make_image: MakeImage, suffix: str
) -> None:
    path = make_image(tmp_path / "a.png")
    Image.open(path).save(tmp_path / f"b.{suffix}")
    path = aged(tmp_path / f"b.{suffix}")
    refused = look(path, ScanOptions(ImageLimits(max_pixels=100), "full", phash=True), fresh(tmp_path))
    assert isinstance(refused.error, ImageTooLarge)
    assert "(80 x 64)" in str(refused.error)
    accepted = look(path, ScanOptions(verify="full", phash=True), fresh(tmp_path))
    assert verdict(accepted) == verdict(look(path, ScanOptions(verify="full")))
    assert accepted.phash is not None


def test_what_one_scan_did_not_ask_another_adds_and_nothing_is_forgotten(
    tmp_path: Path, make_image: MakeImage, opened: list[str]
) -> None:
    path = aged(make_image(tmp_path / "a.jpg"))
    for wanted in (ScanOptions(phash=True), ScanOptions(verify="full"), *WAYS):
        look(path, wanted, fresh(tmp_path))
    assert opened == ["a.jpg"] * 2


def test_the_hash_of_the_looks_is_that_of_the_upright_picture(tmp_path: Path, make_image: MakeImage) -> None:
    upright = Image.open(make_image(tmp_path / "a.png", 300, 200))
    hashes = set()
    stored = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what undoes each EXIF orientation
    for orientation, undo in stored.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = upright if undo is None else upright.transpose(Image.Transpose(undo))
        for suffix in ("jpg", "png", "tiff"):
            path = tmp_path / f"{orientation}.{suffix}"
            turned.save(path, exif=exif)
            hashes.add(look(path, ScanOptions(phash=True)).phash)
    first = next(iter(hashes))
    assert first is not None
    assert max((first ^ other).bit_count() for other in hashes) <= 2


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_a_trouble_of_the_system_stops_the_scan(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    paths = [aged(make_image(tmp_path / f"{i:02d}.png", seed=i)) for i in range(30)]
    read = image_metadata.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == "20.png":
            raise OSError(number, "trouble")
        return read(path)

    monkeypatch.setattr(image_metadata, "read_bytes", read_bytes)
    with pytest.raises(OSError, match="trouble"):
        scan(dict.fromkeys(paths, ScanOptions()), fresh(tmp_path))
    assert fresh(tmp_path).get(paths[0], *_state(paths[0])) is not None


def test_an_interrupted_scan_stops_soon_and_keeps_what_it_found(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image(tmp_path / "a.png")
    paths = [tmp_path / f"{i:04d}.png" for i in range(2000)]
    for path in paths:
        path.hardlink_to(image)
    aged(image)
    read = image_metadata.read_bytes
    monkeypatch.setattr(image_metadata, "read_bytes", lambda path: time.sleep(0.01) or read(path))

    def progress(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        scan(dict.fromkeys(paths, ScanOptions()), fresh(tmp_path), progress)
    assert time.monotonic() - began < 2.0  # all of them take 5 s with four threads
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("index")]
    cache = fresh(tmp_path)
    kept = sum(cache.get(path, *_state(path)) is not None for path in paths)
    assert 1 <= kept < 1000


def test_progress_comes_now_and_then_and_ends_at_all(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [make_image(tmp_path / f"{i}.png") for i in range(40)]
    read = image_metadata.read_bytes
    monkeypatch.setattr(image_metadata, "read_bytes", lambda path: time.sleep(0.05) or read(path))
    told: list[tuple[float, int, int]] = []
    scan(dict.fromkeys(paths, ScanOptions()), None, lambda done, all: told.append((time.monotonic(), done, all)))
    assert told[-1][1:] == (40, 40)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert all(later - earlier > 0.09 for (earlier, *_), (later, *_) in itertools.pairwise(told[:-1]))
    assert len(told) >= 2


def test_results_come_in_the_order_asked_each_under_its_own_limits(tmp_path: Path, make_image: MakeImage) -> None:
    paths = [make_image(tmp_path / f"{i}.png", 20 + i, 20) for i in reversed(range(30))]
    wanted = {path: ScanOptions(ImageLimits(min_side=16 if i % 2 else 21)) for i, path in enumerate(paths)}
    found = scan(wanted)
    assert list(found) == paths
    assert [isinstance(one.error, ImageTooSmall) for one in found.values()] == [i % 2 == 0 for i in range(30)]


def test_nothing_wanted_is_nothing_found() -> None:
    assert scan({}, None, lambda done, all: None) == {}


def test_names_that_no_table_can_hold_do_not_reach_the_cache(tmp_path: Path, make_image: MakeImage) -> None:
    good = aged(make_image(tmp_path / "a.png"))
    bad = tmp_path / os.fsdecode(b"caf\xe9.png")
    bad.hardlink_to(good)
    found = scan({good: ScanOptions(), bad: ScanOptions()}, cache := fresh(tmp_path))
    assert cache.trouble is None
    assert isinstance(found[bad].error, UnreadableName)
    assert found[good].error is None


def test_a_file_that_went_missing_is_missing_whatever_is_remembered(tmp_path: Path, make_image: MakeImage) -> None:
    path = aged(make_image(tmp_path / "a.png"))
    look(path, cache=fresh(tmp_path))
    path.unlink()
    assert isinstance(look(path, cache=fresh(tmp_path)).error, MissingImage)


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
