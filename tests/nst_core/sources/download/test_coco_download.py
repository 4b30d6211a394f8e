"""COCO: archives, or chosen images only, from its own server's likes or from Kaggle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from download.fake_datasets import coco, picture, put_coco, put_kaggle
from download.fake_server import Fault, Server

from nst_core.config.sources import CocoSource
from nst_core.errors import ConfigError, DiskFull, DownloadFailed, DownloadRefused, UnsafeArchive, UsageError
from nst_core.sources.download import coco_releases
from nst_core.sources.download.coco import CocoRequest, download_coco
from nst_core.sources.download.coco_images import PATIENCE
from nst_core.sources.download.coco_releases import KAGGLE_DATASET
from nst_core.sources.download.folder import LOCK, MARKER
from nst_core.sources.download.http_errors import WrongContent
from nst_core.sources.download.progress import DownloadWatch, no_progress
from nst_core.sources.download.source import download_source, needed_download

FILES = coco()
ANNOTATIONS = {name: data for name, data in FILES.items() if name.startswith("annotations/")}
IMAGES = {name: data for name, data in FILES.items() if name.startswith("val2017/")}
CAT = "val2017/000000000001.jpg"

Get = Callable[..., str]


@pytest.fixture
def get(server: Server, tmp_path: Path, watch: DownloadWatch) -> Get:
    """Download from the server into `tmp_path`; takes the request's parts and the choice of images."""
    put_coco(server, FILES)

    def download(annotations: bool = True, images: bool = True, **choice: object) -> str:
        source = CocoSource(path=tmp_path, **choice)
        return download_coco(CocoRequest(source, annotations, images, base_url=server.url), watch)

    return download


def below(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (MARKER, LOCK)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def state(folder: Path, part: str) -> str:
    return str(json.loads((folder / MARKER).read_text())["parts"][part]["state"])


def test_a_split_arrives_whole_and_nothing_else_remains(get: Get, server: Server, tmp_path: Path) -> None:
    assert get() == f"6 images in {tmp_path / 'val2017'}"
    assert below(tmp_path) == FILES
    assert state(tmp_path, "val2017") == state(tmp_path, "annotations_trainval2017") == "complete"
    asked = len(server.requests)
    get()
    assert len(server.requests) == asked
    assert needed_download(CocoSource(path=tmp_path)) is None


def test_parts_can_be_left_out(get: Get, tmp_path: Path) -> None:
    get(images=False)
    assert below(tmp_path) == ANNOTATIONS
    get(annotations=False)
    assert below(tmp_path) == FILES


def test_a_choice_fetches_those_images_only(get: Get, server: Server, tmp_path: Path) -> None:
    get(categories=["cat"])
    assert below(tmp_path) == ANNOTATIONS | {CAT: FILES[CAT]}
    assert not server.asked("/zips/val2017.zip")
    get(limit=3, seed=4)
    get(licenses=["CC-BY-2.0"])
    chosen = below(tmp_path).items() - ANNOTATIONS.items()
    assert 3 < len(chosen) < 6
    assert chosen <= IMAGES.items()
    assert max(len(server.asked(f"/{name}")) for name in IMAGES) == 1, "no image is fetched twice"


def test_a_split_after_a_choice_is_fetched_whole(get: Get, tmp_path: Path) -> None:
    get(categories=["cat"])
    whole = CocoSource(path=tmp_path)
    assert needed_download(whole) == f"nst download coco --output {tmp_path} --split val2017"
    assert needed_download(CocoSource(path=tmp_path, categories=["cat"])) is None
    assert needed_download(CocoSource(path=tmp_path, categories=["dog"]))
    get()
    assert below(tmp_path) == FILES
    assert needed_download(whole) is None


def test_a_cut_choice_goes_on_with_what_is_lacking(get: Get, server: Server, tmp_path: Path) -> None:
    server.faults[f"/{CAT}"] = [Fault(cut=100), Fault(status=500)]
    for _ in range(2):
        with pytest.raises(DownloadFailed, match=r"000000000001\.jpg"):
            get(limit=6)
        assert below(tmp_path) == {name: data for name, data in FILES.items() if name != CAT}
    get(limit=6)
    assert below(tmp_path) == FILES
    assert [len(server.asked(f"/{name}")) for name in IMAGES] == [3, 1, 1, 1, 1, 1]


def test_images_that_are_gone_are_named_and_the_others_kept(get: Get, server: Server, tmp_path: Path) -> None:
    for number in (2, 3):
        del server.files[f"/val2017/{number:012}.jpg"]
    with pytest.raises(DownloadRefused, match=r"2 images failed, the first one so: .*00000000000[23]\.jpg"):
        get(limit=6)
    assert len(below(tmp_path)) == len(FILES) - 2


def test_too_many_requests_end_the_try_at_once(get: Get, server: Server) -> None:
    for name in IMAGES:
        server.always[f"/{name}"] = Fault(status=429, headers={"Retry-After": "11"})
    with pytest.raises(DownloadFailed, match="slow down") as caught:
        get(limit=6)
    assert caught.value.retry_after == 11


def test_a_server_in_trouble_is_not_asked_for_everything(server: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    many = coco(60)
    put_coco(server, many)
    server.always |= {f"/{name}": Fault(status=500) for name in many if name.startswith("val2017/")}
    with pytest.raises(DownloadFailed, match=r"\d+ images failed"):
        download_coco(CocoRequest(CocoSource(path=tmp_path, limit=60), base_url=server.url), watch)
    asked = sum(request.path.startswith("/val2017/") for request in server.requests)
    assert PATIENCE <= asked < 60


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"<html>gone</html>", "cannot be opened"),
        (picture(1, 30, 20), "30×20 pixels instead of 24×16"),
        (picture(1)[:-40], "ends too early"),
    ],
    ids=["a page", "another size", "an end too early"],
)
def test_an_image_that_is_not_the_annotated_one_is_not_kept(
    get: Get, server: Server, tmp_path: Path, wrong: bytes, reason: str
) -> None:
    server.files[f"/{CAT}"] = wrong
    with pytest.raises(WrongContent, match=reason):
        get(categories=["cat"])
    assert CAT not in below(tmp_path)


def test_an_image_that_was_cut_by_others_is_fetched_again(get: Get, tmp_path: Path) -> None:
    (tmp_path / "val2017").mkdir()
    (tmp_path / CAT).write_bytes(FILES[CAT][:300])
    get(categories=["cat"])
    assert below(tmp_path)[CAT] == FILES[CAT]


def test_annotations_cannot_name_files_elsewhere(get: Get, server: Server, tmp_path: Path) -> None:
    evil = {name: data.replace(b'"000000000001.jpg"', b'"../../evil.jpg"') for name, data in FILES.items()}
    put_coco(server, evil)
    server.files["/val2017/000000000001.jpg"] = FILES[CAT]
    get(limit=6)
    assert not (tmp_path.parent / "evil.jpg").exists()
    assert not list(tmp_path.rglob("evil.jpg"))
    assert CAT not in below(tmp_path)


def test_archives_of_coco_write_their_own_folder_only(get: Get, server: Server, tmp_path: Path) -> None:
    put_coco(server, FILES | {"val2017/../annotations/x": b""})
    with pytest.raises(UnsafeArchive):
        get()
    put_kaggle(server, "x/y", IMAGES | {"annotations/other.json": b"{}", MARKER: b"{}"})
    server.files["/zips/val2017.zip"] = server.files["/archives/y.zip"]
    get()
    assert below(tmp_path) == FILES


def test_what_coco_publishes_is_checked(
    get: Get, server: Server, tmp_path: Path, watch: DownloadWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COCO's own address, played by this machine: the small archive is not the one that was published."""
    monkeypatch.setattr(coco_releases, "BASE_URL", server.url)
    monkeypatch.setattr("nst_core.storage.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**12}))
    with pytest.raises(WrongContent, match="instead of the 252907541 published"):
        get()
    assert below(tmp_path) == {}
    assert needed_download(CocoSource(path=tmp_path))


def test_the_space_for_an_official_archive_is_looked_at_first(
    get: Get, server: Server, tmp_path: Path, watch: DownloadWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco_releases, "BASE_URL", server.url)
    monkeypatch.setattr("nst_core.storage.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**9}))
    with pytest.raises(DiskFull, match=r"1\.1 GB are needed, 1\.0 GB are free"):
        get()
    assert server.requests == []


def test_kaggles_copy_gets_the_same_layout(kaggle: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    others = {"coco2017/train2017/1.jpg": b"left out", "coco2017/test2017/2.jpg": b"left out"}
    archive = put_kaggle(kaggle, KAGGLE_DATASET, {f"coco2017/{name}": data for name, data in FILES.items()} | others)
    request = CocoRequest(CocoSource(path=tmp_path / "all"), mirror="kaggle")
    download_coco(request, watch)
    assert below(tmp_path / "all") == FILES
    assert not request.is_incomplete()
    asked = len(kaggle.asked(archive))
    download_coco(CocoRequest(CocoSource(path=tmp_path / "all", limit=2), mirror="kaggle"), watch)
    assert len(kaggle.asked(archive)) == asked
    chosen = CocoSource(path=tmp_path / "cats", categories=["cat"])
    download_coco(CocoRequest(chosen, mirror="kaggle"), watch)
    assert below(tmp_path / "cats") == ANNOTATIONS | {CAT: FILES[CAT]}
    assert needed_download(chosen) is None


def test_images_put_there_by_hand_are_left_alone(server: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    (tmp_path / "val2017").mkdir()
    (tmp_path / CAT).write_bytes(b"mine")
    source = CocoSource(path=tmp_path)
    assert needed_download(source) == f"nst download coco --output {tmp_path} --split val2017 --no-images"
    (tmp_path / "annotations").mkdir()
    for name, data in ANNOTATIONS.items():
        (tmp_path / name).write_bytes(data)
    assert needed_download(source) is None
    download_source(source, DownloadWatch(no_progress, lambda: False))
    assert (tmp_path / CAT).read_bytes() == b"mine"


def test_annotations_that_a_run_file_names_are_not_fetched(get: Get, server: Server, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_bytes(FILES["annotations/instances_val2017.json"])
    source = CocoSource(path=tmp_path / "c", annotations=own, categories=["cat"])
    download_coco(CocoRequest(source, base_url=server.url), DownloadWatch(no_progress, lambda: False))
    assert below(tmp_path / "c") == {CAT: FILES[CAT]}


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"base_url": "images.test"}, "must begin with http"),
        ({"base_url": "http://images.test", "mirror": "kaggle"}, "leave one out"),
        ({"annotations": False}, "leave out --no-annotations"),
    ],
)
def test_requests_that_cannot_be_are_one_sentence(
    tmp_path: Path, watch: DownloadWatch, request_: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        download_coco(CocoRequest(CocoSource(path=tmp_path, limit=1), **request_), watch)  # type: ignore[arg-type]


def test_a_category_that_coco_lacks_is_told_after_the_annotations_arrived(get: Get, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--categories: .*no category 'cats'"):
        get(categories=["cats"])
    assert below(tmp_path) == ANNOTATIONS


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/x.jpg",
        "http://localhost:1/x.jpg",
        "zip://x.jpg::http://10.0.0.1/a.zip",
        "http://[x",
        "http://[::1",
    ],
)
def test_what_annotations_may_not_name_is_left_out_and_the_others_arrive(
    get: Get, server: Server, tmp_path: Path, url: str
) -> None:
    get(images=False)
    file = tmp_path / "annotations" / "instances_val2017.json"
    annotations = json.loads(file.read_text())
    annotations["images"][1]["coco_url"] = url
    file.write_text(json.dumps(annotations))
    with pytest.raises(DownloadRefused) as refused:
        get(smallest_side=1)
    assert len(list((tmp_path / "val2017").glob("*.jpg"))) == 5
    assert "***" not in str(refused.value)
    assert str(refused.value).count("\n") == 0
