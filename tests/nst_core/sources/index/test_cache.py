"""The index's cache: what is written is read again, and no state of its files can do harm."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nst_core.sources.index import cache as cache_module
from nst_core.sources.index import rows as rows_module
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import CheckDepth, ImageMetadata, ScanOptions
from nst_core.sources.index.rows import SCHEMA
from nst_core.sources.index.scan import scan
from nst_core.storage.machine import cache_folder

MakeImage = Callable[..., Path]
DIGEST = "ab" * 32
EVERY_FIELD = [
    ImageMetadata(10, 20, DIGEST, 80, 60, "RGB", "JPEG", 6, CheckDepth.HEADER),
    ImageMetadata(11, 2**62, DIGEST, 2**33, 1, "P", "PNG", 1, CheckDepth.FULL, True, 2**64 - 1),
    ImageMetadata(12, 1, DIGEST, 65_000, 65_000),
    ImageMetadata(13, 1, DIGEST, 80, 60, "L", "GIF", 1, CheckDepth.FULL, True, None),
    ImageMetadata(14, 1, DIGEST, 80, 60, "RGB", "JPEG", 1, CheckDepth.FULL, fault="TruncatedImage", reason="it ends"),
    ImageMetadata(15, 1, DIGEST, verified=CheckDepth.FULL, fault="NotAnImage", reason="it is “text”\n🎨"),
]


def known(tmp_path: Path, *roots: Path) -> IndexCache:
    return IndexCache(roots or [tmp_path / "root"], tmp_path / "cache")


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*.parquet"))


def present(path: Path) -> Path:
    """A file that the cache finds to be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def filled(tmp_path: Path, number: int = 3) -> list[Path]:
    """A written cache with the metadata of some files below `root`."""
    paths = [present(tmp_path / "root" / f"{i}.jpg") for i in range(number)]
    cache = known(tmp_path)
    for i, path in enumerate(paths):
        cache.put(path, ImageMetadata(i, i, DIGEST, 80 + i, 60, "RGB", "JPEG", 1, CheckDepth.HEADER))
    cache.save()
    return paths


def remembered(tmp_path: Path, paths: list[Path]) -> list[bool]:
    cache = known(tmp_path)
    return [cache.get(path, i, i) is not None for i, path in enumerate(paths)]


@pytest.mark.parametrize("facts", EVERY_FIELD)
def test_what_is_written_is_read_again(tmp_path: Path, facts: ImageMetadata) -> None:
    path = present(tmp_path / "root" / "naïve 🎨 a\nb.jpg")
    writer = known(tmp_path)
    writer.put(path, facts)
    writer.save()
    assert known(tmp_path).get(path, facts.size_bytes, facts.mtime_ns) == facts
    assert known(tmp_path).get(path, facts.size_bytes + 1, facts.mtime_ns) is None
    assert known(tmp_path).get(path, facts.size_bytes, facts.mtime_ns + 1) is None


def test_it_lies_in_the_cache_folder_by_default(tmp_path: Path) -> None:
    cache = IndexCache([tmp_path])
    cache.put(tmp_path / "a.jpg", EVERY_FIELD[0])
    cache.save()
    assert list((cache_folder() / "index").glob("*.parquet"))


def test_every_root_has_a_file_the_innermost_counts_and_what_lies_elsewhere_is_remembered_too(tmp_path: Path) -> None:
    outer, inner = tmp_path / "data", tmp_path / "data" / "coco"
    paths = [outer / "a.jpg", inner / "a.jpg", tmp_path / "elsewhere" / "a.jpg", tmp_path / "data2" / "a.jpg"]
    writer = known(tmp_path, outer, inner)
    for width, path in enumerate(paths):
        writer.put(present(path), ImageMetadata(1, 1, DIGEST, width))
    writer.save()
    assert [pq.read_table(path)["path"].to_pylist() for path in files(tmp_path) if path.stem == "elsewhere"] == [
        [str(paths[2]), str(paths[3])]
    ]
    assert len(files(tmp_path)) == 3
    reader = known(tmp_path, inner, outer)
    found = [reader.get(path, 1, 1) for path in paths]
    assert [one.width if one else None for one in found] == [0, 1, 2, 3]


def test_a_relative_path_and_an_absolute_one_are_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    writer = known(tmp_path, Path("root"))
    writer.put(present(Path("root/a.jpg")), EVERY_FIELD[0])
    writer.save()
    assert known(tmp_path, tmp_path / "root").get(tmp_path / "root" / "a.jpg", 10, 20) == EVERY_FIELD[0]


def test_later_facts_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    path = present(tmp_path / "root" / "a.jpg")
    for facts in EVERY_FIELD:
        writer = known(tmp_path)
        writer.put(path, facts)
        writer.save()
    assert pq.read_table(files(tmp_path)[0]).num_rows == 1
    assert known(tmp_path).get(path, 15, 1) == EVERY_FIELD[-1]


def test_a_scan_of_some_files_keeps_what_is_known_of_the_others(tmp_path: Path) -> None:
    paths = filled(tmp_path)
    writer = known(tmp_path)
    writer.put(present(tmp_path / "root" / "sub" / "new.jpg"), EVERY_FIELD[0])
    writer.save()
    assert remembered(tmp_path, paths) == [True] * 3


def test_files_that_are_gone_are_forgotten_with_the_next_write(tmp_path: Path) -> None:
    paths = filled(tmp_path)
    paths[1].unlink()
    writer = known(tmp_path)
    writer.get(paths[1], -1, -1)  # asked for in vain
    writer.put(paths[0], ImageMetadata(0, 0, DIGEST, 99))
    writer.save()
    assert pq.read_table(files(tmp_path)[0])["path"].to_pylist() == ["2.jpg", "0.jpg"]


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    paths = filled(tmp_path)
    before = files(tmp_path)[0].stat()
    reader = known(tmp_path)
    reader.get(paths[0], 0, 0)
    reader.save()
    assert files(tmp_path)[0].stat().st_ino == before.st_ino


def test_caches_that_nobody_used_for_months_are_deleted_and_used_ones_are_not(tmp_path: Path) -> None:
    paths = filled(tmp_path)
    long_ago = (time.time() - 91 * 86400,) * 2
    unused = tmp_path / "cache" / "unused.parquet"
    unused.write_bytes(b"x")
    half_written = tmp_path / "cache" / ".0123456789abcdef.tmp~"
    half_written.write_bytes(b"x")
    for path in (unused, half_written, *files(tmp_path)):
        os.utime(path, long_ago)
    assert remembered(tmp_path, paths) == [True] * 3  # which counts as use
    other = known(tmp_path, tmp_path / "other")
    other.put(present(tmp_path / "other" / "a.jpg"), EVERY_FIELD[0])
    other.save()
    assert not unused.exists()
    assert not half_written.exists()
    assert remembered(tmp_path, paths) == [True] * 3


def test_a_cache_cut_at_any_length_is_ignored_and_written_anew(tmp_path: Path) -> None:
    paths = filled(tmp_path)
    file = files(tmp_path)[0]
    data = file.read_bytes()
    for length in range(0, len(data), 97):
        file.write_bytes(data[:length])
        assert remembered(tmp_path, paths) == [False] * 3
    filled(tmp_path)
    assert remembered(tmp_path, paths) == [True] * 3


def test_a_wrong_byte_anywhere_gives_the_truth_or_nothing(tmp_path: Path) -> None:
    paths = filled(tmp_path)
    file = files(tmp_path)[0]
    data = file.read_bytes()
    truth = [known(tmp_path).get(path, i, i) for i, path in enumerate(paths)]
    for position in np.random.default_rng(0).integers(0, len(data), 300):
        damaged = bytearray(data)
        damaged[position] ^= 0x55
        file.write_bytes(damaged)
        reader = known(tmp_path)
        for i, path in enumerate(paths):
            assert reader.get(path, i, i) in (truth[i], None), position


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"path": ["0.jpg"]}),
        SCHEMA.empty_table().replace_schema_metadata({"nst_index": "0; another Pillow"}),
    ],
)
def test_a_cache_of_another_kind_is_ignored(tmp_path: Path, table: pa.Table) -> None:
    paths = filled(tmp_path)
    pq.write_table(table, files(tmp_path)[0])
    assert remembered(tmp_path, paths) == [False] * 3


def test_facts_of_another_version_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = filled(tmp_path)
    monkeypatch.setattr(rows_module, "SCHEMA", SCHEMA.with_metadata({"nst_index": "the next"}))
    assert remembered(tmp_path, paths) == [False] * 3


@pytest.mark.parametrize(("column", "value"), [("verified", 7), ("fault", "SystemExit")])
def test_codes_that_we_do_not_know_make_a_cache_worthless(tmp_path: Path, column: str, value: object) -> None:
    paths = filled(tmp_path)
    table = pq.read_table(files(tmp_path)[0])
    field = SCHEMA.field(column)
    table = table.set_column(SCHEMA.get_field_index(column), field, pa.array([value] * 3, field.type))
    pq.write_table(table.cast(SCHEMA), files(tmp_path)[0])
    assert remembered(tmp_path, paths) == [False] * 3


def test_a_cache_that_cannot_be_written_is_no_error_of_the_scan(tmp_path: Path, make_image: MakeImage) -> None:
    path = make_image(tmp_path / "root" / "a.png")
    os.utime(path, (1e9, 1e9))
    (tmp_path / "cache").write_text("a file where a folder should be")
    cache = known(tmp_path)
    assert scan({path: ScanOptions()}, cache)[path].error is None
    assert "cannot be written" in str(cache.trouble)


def test_a_full_disk_is_no_error_of_the_scan(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = filled(tmp_path)
    path = make_image(tmp_path / "root" / "a.png")
    os.utime(path, (1e9, 1e9))

    def write_table(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", write_table)
    cache = known(tmp_path)
    assert scan({path: ScanOptions()}, cache)[path].error is None
    assert "No space left" in str(cache.trouble)
    assert remembered(tmp_path, paths) == [True] * 3
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [files(tmp_path)[0].name]


def test_a_long_scan_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = known(tmp_path)
    writer.put(present(tmp_path / "root" / "a.jpg"), EVERY_FIELD[0])
    writer.save_periodically()
    assert files(tmp_path) == []
    monkeypatch.setattr(cache_module, "_SAVE_EVERY", 0.0)
    writer.save_periodically()
    assert known(tmp_path).get(tmp_path / "root" / "a.jpg", 10, 20) == EVERY_FIELD[0]


def test_two_processes_that_write_at_once_leave_one_sound_file(tmp_path: Path) -> None:
    present(tmp_path / "root" / "a.jpg")
    script = (
        "import sys; from pathlib import Path\n"
        "from nst_core.sources.index.cache import IndexCache\n"
        "from nst_core.sources.index.image_metadata import ImageMetadata\n"
        "root, width = Path(sys.argv[1]), int(sys.argv[2])\n"
        "for _ in range(40):\n"
        "    cache = IndexCache([root / 'root'], root / 'cache')\n"
        "    cache.put(root / 'root' / 'a.jpg', ImageMetadata(1, 1, 'ab' * 32, width)); cache.save()\n"
        "    assert cache.trouble is None and IndexCache([root / 'root'], root / 'cache').get(\n"
        "        root / 'root' / 'a.jpg', 1, 1).width in (7, 8)\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(width)]) for width in (7, 8)]
    assert [one.wait() for one in both] == [0, 0]
    assert len(list((tmp_path / "cache").iterdir())) == 1
