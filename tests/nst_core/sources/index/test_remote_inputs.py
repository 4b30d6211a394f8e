"""Input images at a store: found, inspected, remembered and compared as on a disk, with few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from s3fs import S3FileSystem

from nst_core.config.run_config import parse_config
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image
from nst_core.errors import EmptyImage, MissingImage, NotAnImage, SourceError
from nst_core.sources.folder import folder_catalogue
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.inputs import current_sha256
from nst_core.sources.index.scan import inspect_input, scan
from nst_core.sources.registry import open_source
from nst_core.storage.paths import parse_path
from nst_core.views.thumbnails import ThumbnailFolder

MakeImage = Callable[..., Path]


@pytest.fixture
def fetched(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the objects that are fetched from S3, as they are."""
    names: list[str] = []
    cat = S3FileSystem._cat_file

    async def noting(self: S3FileSystem, path: str, *args: Any, **kwargs: Any) -> bytes:
        names.append(path.rpartition("/")[2])
        return bytes(await cat(self, path, *args, **kwargs))

    monkeypatch.setattr(S3FileSystem, "_cat_file", noting)
    S3FileSystem.clear_instance_cache()  # each client binds the method when it is made
    yield names
    S3FileSystem.clear_instance_cache()


def put(folder: Path, make_image: MakeImage, tmp_path: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        made = make_image(tmp_path / f"{seed}{Path(name).suffix}", seed=seed)
        (folder / name).write_bytes(made.read_bytes())


def test_a_folder_at_a_store_has_the_items_of_the_same_folder_on_a_disk(
    memory: Path, tmp_path: Path, make_image: MakeImage
) -> None:
    names = ["train/cats/a.png", "train/cats/.hidden.png", "val/.cache/b.png", "val/dogs/Ü.jpg", "val/notes.txt"]
    local = tmp_path / "local"
    put(memory, make_image, tmp_path, *(name for name in names if name.endswith(("png", "jpg"))))
    for name in names:
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).touch()
    for root in (memory, local):
        (root / "metadata.csv").write_text("file_name,license\ntrain/cats/a.png,CC0-1.0\n", encoding="utf-8")
    here, there = folder_catalogue(local, "content"), folder_catalogue(memory, "content")
    assert here.notes == there.notes
    told = [[(i.id, i.label, i.split, i.license) for i in catalogue.items] for catalogue in (here, there)]
    assert told[0] == told[1]
    assert len(told[0]) == 2
    assert [str(item.path) for item in there.items] == [f"memory://place/{item.id}" for item in there.items]


def test_a_folder_that_is_not_there_is_told_by_its_url(bucket: str) -> None:
    with pytest.raises(SourceError, match=rf"content\.path: there is no folder {bucket}/nothing"):
        open_source(parse_config({"content": f"{bucket}/nothing"}).content, "content")


def test_an_image_at_a_store_is_inspected_and_decoded_as_on_a_disk(
    memory: Path, tmp_path: Path, make_image: MakeImage
) -> None:
    put(memory, make_image, tmp_path, "a.png")
    here, there = (inspect_input(path, ImageLimits()) for path in (tmp_path / "0.png", memory / "a.png"))
    assert (there.width, there.height, there.sha256, there.error) == (here.width, here.height, here.sha256, None)
    assert there.size_bytes == here.size_bytes
    assert current_sha256(str(memory / "a.png")) == here.sha256
    assert (
        decode_image(memory / "a.png", ImageLimits()).pixels == decode_image(tmp_path / "0.png", ImageLimits()).pixels
    ).all()


def test_bad_images_at_a_store_are_bad_for_the_same_reasons(memory: Path) -> None:
    (memory / "empty.jpg").write_bytes(b"")
    (memory / "text.jpg").write_bytes(b"I am no picture")
    for name, error in (("empty.jpg", EmptyImage), ("text.jpg", NotAnImage), ("missing.jpg", MissingImage)):
        assert isinstance(inspect_input(memory / name, ImageLimits()).error, error)


def test_a_second_scan_lists_and_fetches_nothing(
    bucket: str, tmp_path: Path, make_image: MakeImage, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = parse_path(f"{bucket}/photographs")
    names = [f"{number:02d}.png" for number in range(40)]
    put(folder, make_image, tmp_path, *names)

    def scanned() -> dict[Path, Any]:
        return scan({folder / name: ScanOptions() for name in names}, IndexCache([folder], tmp_path / "cache"))

    first = scanned()
    assert sorted(fetched) == names
    fetched.clear()
    calls: Counter[str] = Counter()
    call = S3FileSystem._call_s3

    async def counting(self: S3FileSystem, method: str, *args: Any, **kwargs: Any) -> Any:
        calls[method] += 1
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counting)
    assert scanned() == first
    assert fetched == []
    assert sum(calls.values()) <= 2, "the folder was listed, no file asked for"
    (folder / "07.png").write_bytes((folder / "08.png").read_bytes())
    fetched.clear()
    assert scanned()[folder / "07.png"].sha256 == first[folder / "08.png"].sha256
    assert fetched == ["07.png"], "only what has changed is fetched"


def test_files_that_are_gone_from_a_store_are_dropped_from_the_cache(
    memory: Path, tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.sources.index.scan._SETTLED", -1)
    put(memory, make_image, tmp_path, "a.png", "b.png")

    def cache() -> IndexCache:
        return IndexCache([memory], tmp_path / "cache")

    found = scan({memory / name: ScanOptions() for name in ("a.png", "b.png")}, cache())
    (memory / "b.png").unlink()
    put(memory, make_image, tmp_path, "c.png")
    scan({memory / name: ScanOptions() for name in ("a.png", "c.png")}, cache())
    states = {name: (one.size_bytes, one.mtime_ns) for one in found.values() for name in [one.path.name]}
    assert cache().get(memory / "a.png", *states["a.png"]) is not None
    assert cache().get(memory / "b.png", *states["b.png"]) is None
    assert len(MemoryFileSystem.store) == 2


def test_a_gallery_shows_no_picture_that_may_not_be_read(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: Any, **__: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(S3FileSystem, "_call_s3", refused)
    picture = parse_path(f"{bucket}/somebody-else/a.png")
    assert dict(ThumbnailFolder(tmp_path).make([picture])) == {picture: None}
