"""Runs whose inputs and run folder lie at an S3-speaking server: the same promises as on a disk."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from s3fs import S3FileSystem
from trial import run

from flows.cli import app
from flows.signals import stop_requested
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import StorageRefused, UsageError
from nst_core.run_folder.status_counts import StatusCounter
from nst_core.run_folder.verify.verification import verify
from nst_core.storage.paths import file_state, files_below, parquet_source, parse_path

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]
State = tuple[int, int]


@pytest.fixture
def remote(config: Make, folders: Path, bucket: str) -> Make:
    """The trial run of the other tests, with copies of its inputs, and its outputs, in a bucket."""
    for source in ("content", "style"):
        for name in files_below(folders / source):
            parse_path(f"{bucket}/{source}/{name}").write_bytes((folders / source / name).read_bytes())

    def make(*overrides: str) -> RunConfig:
        data = config().model_dump(mode="json")
        for source in ("content", "style"):
            data[source]["path"] = f"{bucket}/{source}"
        data["output"]["root"] = f"{bucket}/outputs"
        data["method"] = {"recipe": "wavelet", "size": 72, "evaluations": 8}
        return parse_config(data, overrides)

    return make


def rows_of(config: RunConfig) -> pd.DataFrame:
    parts = sorted((config.run_folder / "results").glob("artist_slug=*/part-*.parquet"))
    tables = [pq.ParquetFile(parquet_source(part)).read().to_pandas() for part in parts]
    return pd.concat(tables).set_index("pair_id").sort_index()


def images_of(config: RunConfig) -> dict[str, bytes]:
    folder = config.run_folder / "images"
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


def modified(config: RunConfig) -> dict[str, tuple[State, object]]:
    """What the store tells of every object of a run folder, the time of its last PUT included."""
    fs = S3FileSystem(use_listings_cache=False)
    found = fs.find(str(config.run_folder), detail=True)
    return {
        name: (file_state(parse_path(f"s3://{name}")), details["LastModified"])
        for name, details in found.items()
        if ".lock" not in name
    }


def test_a_run_at_a_store_makes_what_the_same_run_makes_on_a_disk(config: Make, remote: Make) -> None:
    report = run(remote("output.gallery=true"))
    assert (report.summary.planned, report.summary.success, report.made) == (6, 6, 6)
    run(config())
    assert images_of(remote()) == images_of(config())
    here, there = rows_of(config()), rows_of(remote())
    same = ["status", "file_name", "output_sha256", "content_sha256", "style_sha256", "total_loss", "chunk_id"]
    pd.testing.assert_frame_equal(here[same], there[same])
    assert set(there.content_path) == {str(remote().content.path / name) for name in files_below(remote().content.path)}
    told = yaml.safe_load((remote().run_folder / "run.yaml").read_text())
    assert told["config"]["content"]["path"] == str(remote().content.path)
    assert json.loads((remote().run_folder / "summary.json").read_text())["success"] == 6
    gallery = remote().run_folder / "gallery"
    pages = {name for name in files_below(gallery) if not name.startswith("thumbs/")}
    of_artist = ("index.html", "items.js", "details-1.js", "made.json", "contact-sheet.png")
    of_run = ("index.html", "contact-sheet.png", "records.json")
    assert pages == {*of_run, *(f"{artist}/{name}" for artist in ("ada", "bo") for name in of_artist)}
    assert (gallery / "ada" / "index.html").read_text().count(".webp") >= 3


def test_a_second_run_puts_nothing_and_a_third_exactly_what_is_missing(remote: Make) -> None:
    run(remote())
    folder, images, rows = remote().run_folder, images_of(remote()), rows_of(remote())
    before = modified(remote())
    time.sleep(1.1)  # S3 tells times in whole seconds
    assert run(remote()).made == 0
    assert modified(remote()) == before
    part = sorted((folder / "results").glob("artist_slug=*/part-*.parquet"))[0]
    lost_chunk = part.stem.removeprefix("part-")
    deleted = rows[rows.chunk_id != lost_chunk].file_name.iloc[:2].tolist()
    part.unlink()
    for name in deleted:
        (folder / name).unlink()
    report = run(remote())
    assert report.made == len(deleted) + (rows.chunk_id == lost_chunk).sum()
    assert images_of(remote()) == images, "made again, the same bits"
    pd.testing.assert_series_equal(rows_of(remote()).output_sha256, rows.output_sha256)
    kept = {name for name in before if "/images/" in name or "/plan/" in name} - {
        str(folder / name).removeprefix("s3://") for name in deleted
    }
    after = modified(remote())
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_a_results_part_whose_put_fails_once_is_whole_in_the_end(remote: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    call, failed = S3FileSystem._call_s3, []

    async def flaky(self: S3FileSystem, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "put_object" and "/results/" in kwargs["Key"] and not failed:
            failed.append(kwargs["Key"])
            raise ConnectionResetError("cut")
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", flaky)
    monkeypatch.setattr("nst_core.chunks.retry_policy.DELAYS", (0.0,))
    assert run(remote()).summary.success == 6
    assert len(failed) == 1
    assert len(rows_of(remote())) == 6


def test_credentials_that_expire_stop_the_run_and_the_next_one_finishes(
    remote: Make,
) -> None:
    call, seen = S3FileSystem._call_s3, Counter[Any]()

    async def expired(self: S3FileSystem, method: str, *args: Any, **kwargs: Any) -> Any:
        seen[kwargs.get("Key")] += method == "get_object"
        if seen["content/cats/c.jpg"] > 1:  # once it was inspected
            raise PermissionError("The provided token has expired.")
        return await call(self, method, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3FileSystem, "_call_s3", expired)
        with pytest.raises(StorageRefused, match=r"is refused \(The provided token has expired\)"):
            run(remote())
    stop_requested.clear()
    report = run(remote())
    assert (report.summary.success, report.summary.quarantined, report.summary.failed) == (6, 0, 0)


def test_bad_and_changed_inputs_are_told_by_their_urls_whoever_works(remote: Make, bucket: str) -> None:
    parse_path(f"{bucket}/content/empty.jpg").write_bytes(b"")
    report = run(remote("execution.runner=process", "execution.workers=1"))
    assert (report.summary.success, report.summary.quarantined) == (6, 2)
    quarantine = pd.read_csv(io.BytesIO((remote().run_folder / "quarantine.csv").read_bytes()))
    assert quarantine.path.tolist() == [f"{bucket}/content/empty.jpg"]
    content = remote().content.path
    (content / "a.png").write_bytes((content / "b.png").read_bytes())
    report = run(remote())
    assert (report.stale, report.made) == (2, 0)


@pytest.mark.slow
def test_a_killed_run_goes_on_from_what_its_store_holds(
    remote: Make, tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api)
    data = remote("method.evaluations=60", "execution.workers=1").model_dump(mode="json")
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(data | {"method": {**data["method"], "evaluations": 60}}))
    command = [sys.executable, "-m", "flows", "run", str(tmp_path / "trial.yaml")]
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stderr=subprocess.PIPE)
    while not list(files_below(remote().run_folder / "results")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    kept = modified(remote())
    results = [name for name in kept if "/results/" in name]
    assert len(rows_of(remote())) < 6, "killed before its end"
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(rows_of(remote())) == len(images_of(remote())) == 6
    after = modified(remote())
    assert {name: after[name] for name in results} == {name: kept[name] for name in results}


def test_status_verify_gallery_report_and_export_read_a_run_at_a_store(
    remote: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(remote())
    folder = str(remote().run_folder)
    app(["status", folder], standalone_mode=False)
    assert "6 pairs: 6 success\n0 left to do, 0 stale" in capsys.readouterr().out
    assert StatusCounter(remote().run_folder).count().success == 6
    assert verify(remote().run_folder).sound
    app(["gallery", folder], standalone_mode=False)
    assert f"Gallery: {folder}/gallery/index.html" in capsys.readouterr().out
    app(["report", folder], standalone_mode=False)
    assert f"all there is to make.\nReport: {folder}/report/index.html" in capsys.readouterr().out
    app(["export", folder, "--to", "imagefolder", "-o", str(tmp_path / "export")], standalone_mode=False)
    assert "6 of 6 planned images" in capsys.readouterr().out
    assert len(list((tmp_path / "export").rglob("*.png"))) == 6
    with pytest.raises(UsageError, match="exports are written to a local folder"):
        app(["export", folder, "--to", "imagefolder", "-o", f"{folder}-export"], standalone_mode=False)


def test_verify_finds_what_is_missing_changed_or_too_much_at_a_store(remote: Make) -> None:
    run(remote())
    folder = remote().run_folder
    lost, changed, *_ = sorted(files_below(folder / "images"))
    (folder / "images" / lost).unlink()
    (folder / "images" / changed).write_bytes(b"other")
    (folder / "images" / "extra.png").write_bytes(b"extra")
    found = {(finding.kind, finding.subject) for finding in verify(folder).findings}
    assert found == {
        ("missing_image", f"images/{lost}"),
        ("changed_image", f"images/{changed}"),
        ("unplanned_image", "images/extra.png"),
    }


def test_nothing_is_started_where_the_bucket_is_missing_or_closed(
    remote: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text(yaml.safe_dump(remote().model_dump(mode="json")))
    with pytest.raises(UsageError, match="s3://no-such-bucket/trial cannot be written: there is no such bucket"):
        app(["run", str(file), "--set", "output.root=s3://no-such-bucket"], standalone_mode=False)
    call = S3FileSystem._call_s3

    async def closed(self: S3FileSystem, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "put_object":
            raise PermissionError("Access Denied")
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", closed)
    with pytest.raises(StorageRefused, match=r"Access to s3://.* is refused \(Access Denied\)"):
        app(["run", str(file)], standalone_mode=False)
