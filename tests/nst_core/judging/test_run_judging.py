"""A run judged: baselines, resuming, pictures that changed or are gone."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from shown import done, write

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, fit_pixels
from nst_core.engine.quality import Quality
from nst_core.engine.working_size import Fit
from nst_core.errors import RunFolderError, UsageError
from nst_core.judging.networks import NETWORKS, choose_network
from nst_core.judging.run_judging import judge_run
from nst_core.run_folder.quality import MEASURES, SCHEMA, baselines_file, read_quality
from nst_core.run_folder.results import Result


def draw(path: Path, seed: int, colour: tuple[float, float, float], stripes: int = 0) -> None:
    """Soft blobs in a tint, or diagonal stripes; 64 × 48 pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :64]
    waves = np.sin((x + y) * stripes / 10) if stripes else np.sin(x / rng.uniform(4, 9)) * np.cos(y / rng.uniform(4, 9))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(((0.5 + 0.4 * waves[..., None]) * np.array(colour) * 255).astype(np.uint8)).save(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two pairs: the result of `a` is a copy of its content, that of `b` a copy of its style."""
    folder, inputs = tmp_path / "run", tmp_path / "inputs"
    for name, seed in (("a", 1), ("b", 2)):
        draw(inputs / f"{name}.png", seed, (1, 0.9, 0.8))
    draw(inputs / "ada work.png", 0, (0.2, 0.5, 1), stripes=7)
    for name, original in (("a", "a"), ("b", "ada work")):
        target = folder / "images" / f"{name}--ada.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((inputs / f"{original}.png").read_bytes())
    return write(folder, [row(folder, "a"), row(folder, "b")])


def row(folder: Path, name: str, **changes: object) -> Result:
    return done(folder, name, features="squeezenet1_0", output_sha256=sha256(folder, name), **changes)


def sha256(folder: Path, name: str) -> str:
    import hashlib

    return hashlib.sha256((folder / "images" / f"{name}--ada.png").read_bytes()).hexdigest()


def by_picture(run: Path) -> dict[str, dict[str, float]]:
    names = {one.pair_id: one.file_name or "" for one in (row(run, "a"), row(run, "b"))}
    return {Path(names[one["pair_id"]]).stem[0]: one for one in read_quality(run).to_pylist()}


def test_a_copy_of_the_content_has_all_content_and_a_copy_of_the_style_all_style(run: Path) -> None:
    quality = judge_run(run, "wavelet", "cpu")
    content, style = by_picture(run)["a"], by_picture(run)["b"]
    assert content["cfsd"] == pytest.approx(0, abs=1e-6)
    assert content["ssim"] == pytest.approx(1, abs=1e-6)
    assert style["style_distance"] == pytest.approx(0, abs=1e-3)
    assert style["colour_distance"] == pytest.approx(0, abs=1e-3)
    assert content["style_distance"] > 10 * style["style_distance"]
    assert style["ssim"] < 0.6 < content["ssim"]
    assert (quality.judged, quality.new, quality.left_out) == (2, 2, ())
    for measure in MEASURES:
        assert quality.baselines["content"][measure] == pytest.approx(content[measure], rel=0.5, abs=1e-3)
        assert quality.baselines["style"][measure] == pytest.approx(style[measure], rel=0.5, abs=1e-3)


def test_what_is_judged_is_not_judged_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge_run(run, "wavelet", "cpu")
    before = read_quality(run)
    monkeypatch.setattr("nst_core.judging.networks.build_extractor", None)  # nothing may be loaded
    assert judge_run(run, "wavelet", "cpu").new == 0
    assert read_quality(run) == before


def test_another_picture_is_judged_again(run: Path) -> None:
    judge_run(run, "wavelet", "cpu")
    draw(run / "images" / "a--ada.png", 9, (1, 0.2, 0.2))
    write(run, [row(run, "a"), row(run, "b")])
    assert judge_run(run, "wavelet", "cpu").new == 1
    assert by_picture(run)["a"]["ssim"] < 0.9


def test_another_judge_judges_all_again(run: Path) -> None:
    judge_run(run, "wavelet", "cpu")
    quality = judge_run(run, device="cpu")
    assert (quality.judge, quality.new) == ("vgg19", 2)
    assert set(read_quality(run)["judge"].to_pylist()) == {"vgg19"}


def test_damaged_rows_are_made_again(run: Path) -> None:
    judge_run(run, "wavelet", "cpu")
    (run / "quality" / "part-0000.parquet").write_bytes(b"PAR1 no more")
    assert read_quality(run).num_rows == 0
    assert judge_run(run, "wavelet", "cpu").new == 2


def test_pictures_that_are_gone_are_named(run: Path) -> None:
    (run / "images" / "a--ada.png").unlink()
    quality = judge_run(run, "wavelet", "cpu")
    assert [one.file_name for one in quality.left_out] == ["images/a--ada.png"]
    assert "no such file" in quality.left_out[0].reason
    assert (quality.judged, quality.new) == (1, 1)


def test_a_file_that_the_run_did_not_write_is_left_out_each_time(run: Path) -> None:
    draw(run / "images" / "a--ada.png", 9, (1, 0.2, 0.2))
    write(run, [row(run, "b"), replace(row(run, "a"), output_sha256="0" * 64)])
    for new in (1, 0):
        quality = judge_run(run, "wavelet", "cpu")
        assert (quality.judged, quality.new) == (1, new)
        assert "not the file that the run wrote" in quality.left_out[0].reason


def test_baselines_are_kept_where_a_picture_is_gone(run: Path) -> None:
    (run / "images" / "a--ada.png").unlink()
    judge_run(run, "wavelet", "cpu")
    before = baselines_file(run).read_bytes()
    judge_run(run, "wavelet", "cpu")
    assert baselines_file(run).read_bytes() == before


def test_rows_that_lead_out_of_the_folder_are_not_followed(run: Path) -> None:
    write(run, [row(run, "a", file_name="../inputs/a.png"), row(run, "b")])
    assert "outside" in judge_run(run, "wavelet", "cpu").left_out[0].reason


def test_unstylized_pictures_have_no_style_to_be_judged_by(run: Path) -> None:
    write(run, [row(run, "a", style_path="", style_paths=(), style_shares=()), row(run, "b")])
    quality = judge_run(run, "wavelet", "cpu")
    assert (quality.judged, quality.unstylized) == (1, 1)


@pytest.mark.parametrize("of_the_app", [False, True])
def test_a_picture_of_the_middle_is_compared_with_that_middle(run: Path, of_the_app: bool) -> None:
    contents = run.parent / "inputs" / "a.png"
    middle = fit_pixels(decode_image(contents, ImageLimits()).pixels, Fit(40, "shorter", resizing="bilinear", crop=32))
    Image.fromarray(middle).save(run / "images" / "a--ada.png")
    write(run, [row(run, "a", size=40, fingerprint="f", method="adain")])
    data = {"method": {"crop": 32, "side": "shorter", "resizing": "bilinear"}}
    told = {"methods": {"f": data}} if of_the_app else {"method_fingerprint_data": data}
    (run / "run.yaml").write_text(yaml.safe_dump(told))
    found = judge_run(run, "wavelet", "cpu")
    assert (found.medians["cfsd"], found.medians["ssim"]) == (pytest.approx(0, abs=1e-6), pytest.approx(1))
    assert found.baselines["content"]["cfsd"] == pytest.approx(0, abs=1e-6)


def test_the_columns_are_the_measures() -> None:
    assert [field.name for field in fields(Quality)] == list(MEASURES)


def test_the_files_have_the_documented_columns(run: Path) -> None:
    judge_run(run, "wavelet", "cpu")
    for name in ("part-0000", "baselines"):
        assert pq.read_schema(run / "quality" / f"{name}.parquet").equals(SCHEMA)


def test_a_run_without_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        judge_run(tmp_path)
    (tmp_path / "run.yaml").write_text("{}\n")
    with pytest.raises(UsageError, match="no pictures yet"):
        judge_run(tmp_path)


@pytest.mark.parametrize(
    ("made_by", "judge"),
    [
        ({"wavelet"}, "vgg19"),
        ({"squeezenet1_1"}, "vgg19"),
        ({"vgg19"}, "wavelet"),
        ({"vgg16", "squeezenet1_0"}, "wavelet"),
        ({"slim"}, "wavelet"),
    ],
)
def test_the_judge_made_no_picture(
    made_by: set[str], judge: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert choose_network(made_by).name == judge


def test_a_learned_judge_is_preferred_where_its_weights_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("nst_core.judging.networks.imagenet_file", lambda features: tmp_path / "file")
    (tmp_path / "file").touch()
    assert choose_network({"vgg19"}).name == "squeezenet"


def test_nobody_judges_what_all_have_made() -> None:
    with pytest.raises(UsageError, match="--judge"):
        choose_network({"vgg19", "squeezenet1_0", "wavelet"})


def test_every_network_has_its_layers() -> None:
    for network in NETWORKS.values():
        if network.weights != "imagenet":
            judge = network.load()
            assert {network.content_layer, *network.style_layers} <= set(judge.extractor.layers)
