"""Runs over real kinds of datasets: downloaded first, licences excluded, too large for the disk, looked at before."""

from __future__ import annotations

import json
import os
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from download.fake_datasets import artworks, coco, put_coco, put_kaggle
from download.fake_server import Server, serving
from trial import rows_of, run

from flows.cli import main
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import NoRoom, SourceError
from nst_core.run_folder.artists import artist_facts
from nst_core.sources.download.artworks import DATASET
from nst_core.storage import disk

pytestmark = pytest.mark.usefixtures("api")

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """COCO's server and Kaggle, both played by one proxy on this machine; nobody is logged in.

    COCO's annotations are there already: their published size and checksum are known, and no small file has them.
    """
    for name in [name for name in os.environ if "proxy" in name.lower() or "KAGGLE" in name]:
        monkeypatch.delenv(name)
    with serving() as server:
        put_coco(server, coco())
        (tmp_path / "coco" / "annotations").mkdir(parents=True)
        name = "annotations/instances_val2017.json"
        (tmp_path / "coco" / name).write_bytes(coco()[name])
        put_kaggle(server, DATASET, artworks())
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        monkeypatch.setenv("HTTP_PROXY", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        yield server


def configured(folder: Path, *overrides: str, download: bool = True) -> RunConfig:
    return parse_config(
        {
            "name": "trial",
            "content": {"source": "coco", "path": str(folder / "coco"), "download": download, "limit": 2},
            "style": {"source": "artworks", "path": str(folder / "artworks"), "download": download},
            "method": {"recipe": "wavelet", "size": 64, "upscale": True, "evaluations": 4},
            "execution": {"devices": "cpu"},
            "output": {"root": str(folder / "outputs"), "format": "png", "gallery": False, "report": False},
        },
        overrides,
    )


def test_a_run_downloads_what_it_lacks_and_makes_every_pair(internet: Server, tmp_path: Path) -> None:
    report = run(configured(tmp_path))
    assert (report.summary.success, report.summary.planned) == (2, 2)
    assert len(list((tmp_path / "coco" / "val2017").glob("*.jpg"))) == 2, "the chosen images, not the archive"
    rows = rows_of(configured(tmp_path))
    assert set(rows["content_license"]) <= {"CC-BY-NC-SA-2.0", "CC-BY-2.0"}
    assert set(rows["style_license"]) == {"CC-BY-NC-SA-4.0"}
    assert set(rows["x_coco_image_id"]) == {str(int(Path(path).stem)) for path in rows["content_path"]}
    assert all(text.startswith("http://flickr.test/") for text in rows["content_source_url"])
    assert artist_facts(configured(tmp_path).run_folder).keys() == set(rows["artist"])
    asked = len(internet.requests)
    assert run(configured(tmp_path)).made == 0
    assert len(internet.requests) == asked, "nothing is asked for again"


def test_without_leave_to_download_the_sentence_names_the_command(internet: Server, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"`nst download coco --output \S+ --split val2017 --limit 2`"):
        run(configured(tmp_path, download=False))
    assert internet.requests == []


def test_licences_excluded_and_allowed_again(internet: Server, tmp_path: Path) -> None:
    report = run(configured(tmp_path, "content.limit=6", "content.exclude_licenses=[nc]"))
    assert (report.summary.success, report.summary.skipped) == (3, 3)
    assert report.summary.left_out == {"ExcludedLicense": 3}
    assert report.summary.all_succeeded
    skipped = rows_of(configured(tmp_path)).query("status == 'skipped'")
    assert skipped["error_message"].str.contains("CC-BY-NC-SA-2.0, is left out by content.exclude_licenses").all()
    report = run(configured(tmp_path, "content.limit=6"))
    assert (report.made, report.summary.success, report.summary.skipped) == (3, 6, 0)


def test_the_attributions_of_a_run_name_every_photograph(internet: Server, tmp_path: Path) -> None:
    run(configured(tmp_path))
    told = pd.read_csv(tmp_path / "outputs" / "trial" / "attributions.csv")
    assert set(told["source_url"]) == set(rows_of(configured(tmp_path))["content_source_url"])
    assert told["license"].notna().all()
    assert "Best Artworks of All Time" in (tmp_path / "outputs" / "trial" / "README.md").read_text()


def test_a_run_that_will_not_fit_starts_only_when_forced(
    config: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 1000))
    with pytest.raises(NoRoom, match=r"1\.0 kB are free"):
        run(config())
    assert not (config().run_folder / "plan").exists()
    assert run(config(), force=True).summary.all_succeeded


def test_unstylized_strong_and_blended_images_come_out_beside_each_other(config: Callable[..., RunConfig]) -> None:
    options = {"strategy": "random", "blend": 2, "strengths": [0.5, 2], "unstylized": 0.4, "seed": 2}
    settings = config(pairing=options, output={**config().output.model_dump(mode="json"), "gallery": True})
    report = run(settings)
    rows = rows_of(settings)
    assert report.summary.all_succeeded
    plain = rows[rows["artist_slug"] == "unstylized"]
    assert 0 < len(plain) < 3
    assert plain["total_loss"].isna().all()
    assert plain["style_path"].eq("").all()
    assert sorted(rows["beta"].dropna().unique()) == [
        0.5 * settings.method.resolve().beta,
        2 * settings.method.resolve().beta,
    ]
    assert rows["style_path"].str.count(";").max() == 1
    page = (settings.run_folder / "gallery" / "unstylized" / "index.html").read_text().partition("<dialog")[0]
    assert "as it is" in page
    assert "in the style of" not in page


def test_an_index_tells_formats_bad_files_and_copies(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "content" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    (folders / "content" / "copy.png").write_bytes((folders / "content" / "a.png").read_bytes())
    (folders / "run.yaml").write_text("content: content\nstyle: style\n")
    monkeypatch.chdir(folders)
    told = json.loads(answer(["index", "run.yaml", "--json"], monkeypatch, capsys))
    assert told["content"]["items"] == 5
    assert told["content"]["by_format"] == {"PNG": 3, "JPEG": 1}
    assert [bad["id"] for bad in told["content"]["bad"]] == ["bad.jpg"]
    assert told["content"]["exact_duplicates"] == {"copy.png": "a.png"}
    assert told["style"]["items"] == 4


def test_a_plan_of_what_is_yet_to_be_downloaded_says_what_to_do(
    internet: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = configured(tmp_path).model_dump(mode="json", exclude_none=True)
    (tmp_path / "run.yaml").write_text(json.dumps(data))
    for command in ("plan", "pair", "index"):
        text = answer([command, str(tmp_path / "run.yaml")], monkeypatch, capsys, code=2)
        assert "`nst run` downloads them first" in text
        assert "`nst download coco --output" in text
    assert internet.requests == []


def answer(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int = 0
) -> str:
    """What `nst` prints, in this process."""
    monkeypatch.setattr(sys, "argv", ["nst", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    printed: Any = capsys.readouterr()
    assert ended.value.code == code, printed.err
    return str(printed.err if code else printed.out)
