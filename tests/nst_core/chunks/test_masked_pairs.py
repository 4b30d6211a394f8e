"""Masks of manifests and of COCO, to the picture: what is kept, which style goes where, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_core.chunks.masks import StyleMask, masked_target
from nst_core.chunks.work import work_of
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.colour import ColourStatistics
from nst_core.engine.images.label_images import LabelImage
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import StyleTarget
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import ConfigError, ManifestError, StrictInputs
from nst_core.plan.new_part import check_strict, new_part
from nst_core.plan.part import PlanPart
from nst_core.plan.part_tables import part_tables
from nst_core.plan.state import read_state
from nst_core.plan.wanted import wanted_pairs
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.results import Result, read_chunk
from nst_core.run_folder.run_yaml import run_yaml_data
from nst_core.run_folder.summary import summarize
from nst_core.sources.pair_masks import PairMasks

Make = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, make_image: Make) -> Path:
    """Two contents and two styles of 48 × 40, and a mask whose right half has the label 1."""
    for name in ("a", "b"):
        make_image(tmp_path / "content" / f"{name}.png", 48, 40, seed=ord(name))
    for number in (1, 2):
        make_image(tmp_path / "style" / f"s{number}.png", 48, 40, seed=number)
    halves(tmp_path / "halves.png")
    return tmp_path


def halves(path: Path, left: int = 0, right: int = 1, width: int = 48, height: int = 40) -> None:
    labels = np.full((height, width), left, np.uint8)
    labels[:, width // 2 :] = right
    Image.fromarray(labels).save(path)


def config_of(folder: Path, *rows: str, header: str = "content,style,mask", **method: Any) -> RunConfig:
    (folder / "pairs.csv").write_text("\n".join([header, *rows]) + "\n")
    return parse_config(
        {
            "name": "masked",
            "content": str(folder / "content"),
            "style": str(folder / "style"),
            "pairing": {"strategy": "manifest", "manifest": str(folder / "pairs.csv")},
            "method": {"recipe": "wavelet", "size": 48, "evaluations": 3, **method},
            "execution": {"devices": "cpu"},
            "output": {"root": str(folder / "outputs"), "format": "png"},
        }
    )


def plan(config: RunConfig) -> PlanPart:
    method = resolve_method(config)
    return new_part(config, method, wanted_pairs(config, method.fingerprints.method), RunFolder(config.run_folder))


def make(config: RunConfig) -> dict[str, Result]:
    """The rows of a run by content, made without Prefect."""
    run, method = RunFolder(config.run_folder), resolve_method(config)
    wanted = wanted_pairs(config, method.fingerprints.method)
    part = new_part(config, method, wanted, run)
    run.write_run_yaml(run_yaml_data(config, method))
    if len(part):
        run.append_plan(part.number, part_tables(part))
    for chunk in read_state(run, wanted).chunks:
        stylize_chunk(chunk, work_of(config, method))
    files = sorted((run.root / "results").rglob("*.parquet"))
    return {pair: row for file in files for pair, row in read_chunk(file).items()}


def by_content(rows: dict[str, Result]) -> dict[str, Result]:
    return {Path(row.content_path).stem: row for row in rows.values()}


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB")).astype(int)


def test_what_is_kept_equals_the_content_and_the_rest_is_painted(folder: Path) -> None:
    config = config_of(folder, "a.png,s1.png,halves.png", keep="1", edge=4)
    (row,) = make(config).values()
    difference = np.abs(pixels(config.run_folder / row.file_name) - pixels(folder / "content" / "a.png"))
    assert difference[:, 24 + 4 :].max() <= 1
    assert difference[:, : 24 - 4].mean() > 5
    assert row.extras["mask"] == "halves.png"


def test_what_is_kept_has_the_photographs_own_resolution(folder: Path, make_image: Make) -> None:
    make_image(folder / "content" / "large.png", 192, 160, seed=9)
    config = config_of(folder, "large.png,s1.png,halves.png", keep="1")
    config = config.model_copy(update={"output": config.output.model_copy(update={"size": "original"})})
    (row,) = make(config).values()
    difference = np.abs(pixels(config.run_folder / row.file_name) - pixels(folder / "content" / "large.png"))
    assert difference[:, 96 + 16 :].max() <= 1
    assert difference[:, : 96 - 16].mean() > 5


def test_another_mask_is_another_pair_and_another_name_is_not(folder: Path) -> None:
    config = config_of(folder, "a.png,s1.png,halves.png", keep="1")
    (first,) = make(config)
    (folder / "halves.png").rename(folder / "renamed.png")
    assert list(make(config_of(folder, "a.png,s1.png,renamed.png", keep="1"))) == [first]
    halves(folder / "renamed.png", left=1, right=0)
    rows = make(config_of(folder, "a.png,s1.png,renamed.png", keep="1"))
    assert len(rows) == 2
    assert len({row.output_sha256 for row in rows.values()}) == 2


def spoil_nothing(folder: Path) -> None:
    (folder / "bad.png").unlink(missing_ok=True)


def spoil_text(folder: Path) -> None:
    (folder / "bad.png").write_text("no picture")


def spoil_photograph(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    Image.fromarray(noise).save(folder / "bad.png")


def spoil_shape(folder: Path) -> None:
    halves(folder / "bad.png", width=40, height=48)


def spoil_folder(folder: Path) -> None:
    (folder / "bad.png").mkdir()


BAD = {
    "there is no such mask": spoil_nothing,
    "it is plain text": spoil_text,
    "different values": spoil_photograph,
    "another shape": spoil_shape,
    "a directory": spoil_folder,
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_mask_takes_its_pair_down_alone_before_anything_starts(folder: Path, reason: str) -> None:
    BAD[reason](folder)
    config = config_of(folder, "a.png,s1.png,bad.png", "b.png,s1.png,halves.png", keep="1")
    part = plan(config)
    (message,) = part.errors()
    assert "bad.png: " in message
    assert reason in message
    with pytest.raises(StrictInputs, match=r"bad\.png"):
        check_strict(part.errors())
    rows = by_content(make(config))
    assert (rows["a"].status, rows["a"].error_class, rows["b"].status) == ("quarantined", "UnusableMask", "success")
    bad = summarize(config.run_folder, RunFolder(config.run_folder).read_plan()).bad_inputs
    assert [(Path(one.path).name, one.role) for one in bad] == [("bad.png", "mask")]


def test_a_mask_that_was_mended_is_planned_anew_and_the_run_is_complete(folder: Path) -> None:
    config = config_of(folder, "a.png,s1.png,bad.png", keep="1")
    assert [row.status for row in make(config).values()] == ["quarantined"]
    halves(folder / "bad.png")
    assert sorted(row.status for row in make(config).values()) == ["skipped", "success"]
    summary = summarize(config.run_folder, RunFolder(config.run_folder).read_plan())
    assert (summary.success, summary.quarantined, summary.skipped) == (1, 0, 1)


def test_a_mask_that_changes_after_it_was_planned_is_not_used(folder: Path) -> None:
    config = config_of(folder, "a.png,s1.png,halves.png", keep="1")
    run, method = RunFolder(config.run_folder), resolve_method(config)
    wanted = wanted_pairs(config, method.fingerprints.method)
    part = new_part(config, method, wanted, run)
    run.write_run_yaml(run_yaml_data(config, method))
    run.append_plan(part.number, part_tables(part))
    halves(folder / "halves.png", left=1, right=0)
    (chunk,) = read_state(run, wanted).chunks
    stylize_chunk(chunk, work_of(config, method))
    assert statuses(config, chunk) == ["quarantined"]


def statuses(config: RunConfig, chunk: Chunk) -> list[str]:
    (file,) = (config.run_folder / "results").rglob(f"*{chunk.chunk_id}*.parquet")
    return [row.status for row in read_chunk(file).values()]


def test_a_label_without_a_style_is_refused(folder: Path) -> None:
    halves(folder / "halves.png", left=1, right=3)
    (message,) = plan(config_of(folder, "a.png,s1.png;s2.png,halves.png")).errors()
    assert "label 3, but the row has 2 styles" in message


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("content,style,mask", "a.png,s1.png,https://example.org/m.png", "column mask, .*is an address"),
        ("content,style,mask", "a.png,s1.png,coco:person", "no image of a coco source"),
        ("content,style,style_mask", "a.png,s1.png,halves.png", "style_mask is not"),
        (
            "content,style,mask,style_mask",
            "a.png,s1.png;s2.png,halves.png,halves.png;halves.png;halves.png",
            "2 styles",
        ),
        ("content,style,mask,style_mask", "a.png,s1.png,halves.png,coco:person", "must be a file"),
    ],
)
def test_cells_that_cannot_be_meant_are_faults_of_the_manifest(
    folder: Path, header: str, row: str, message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        plan(config_of(folder, row, header=header, keep="1"))


def test_masks_are_found_as_images_are(folder: Path) -> None:
    """By an absolute path, from the manifest's folder, with `..`, and with the separators of Windows."""
    (folder / "masks").mkdir()
    halves(folder / "masks" / "m.png")
    names = [str(folder / "masks" / "m.png"), "masks/m.png", "content/../masks/m.png", "masks\\m.png"]
    parts = [plan(config_of(folder, f"a.png,s1.png,{name}", keep="1")) for name in names]
    assert [part.errors() for part in parts] == [[]] * 4
    assert len({int(part.pairs.ids[0]) for part in parts}) == 1


@pytest.mark.parametrize(
    ("rows", "header", "keep", "message"),
    [
        ("a.png,s1.png", "content,style", "person", "no content has a mask"),
        ("a.png,s1.png,halves.png", "content,style,mask", "person", "no mask can have the region 'person'"),
    ],
)
def test_regions_that_cannot_be_are_refused(folder: Path, rows: str, header: str, keep: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(config_of(folder, rows, header=header, keep=keep))


def test_pictures_with_masks_are_refused_in_tiles(folder: Path) -> None:
    config = config_of(folder, "a.png,s1.png,halves.png", keep="1")
    tiled = config.model_copy(update={"execution": config.execution.model_copy(update={"tile": 64})})
    with pytest.raises(ConfigError, match=r"execution\.tile: pictures with masks are not computed in tiles"):
        wanted_pairs(tiled, "f")
    assert wanted_pairs(config, "f").pairs


def test_the_plan_says_what_masks_do(folder: Path) -> None:
    def notes(**method: Any) -> str:
        config = config_of(folder, "a.png,s1.png,halves.png", **method)
        return wanted_pairs(config, "f").notes[-1]

    assert notes(keep="background") == "1 of 1 pairs have a mask: background stays as the content shows it."
    assert "which nothing uses" in notes()


def coco(folder: Path, *categories: str, scale: int = 1, **method: Any) -> RunConfig:
    """A COCO source whose one image has a person in its right half, and a dog in a corner."""

    def scaled(*numbers: int) -> list[int]:
        return [scale * number for number in numbers]

    (folder / "val2017").mkdir()
    (folder / "annotations").mkdir()
    Image.open(folder / "content" / "a.png").save(folder / "val2017" / "a.png")
    person, dog = scaled(24, 0, 48, 0, 48, 40, 24, 40), scaled(0, 30, 10, 30, 10, 40, 0, 40)
    boxes = scaled(24, 0, 24, 40), scaled(0, 30, 10, 10)
    data = {
        "images": [{"id": 7, "file_name": "a.png", "width": 48 * scale, "height": 40 * scale}],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "area": 960, "bbox": boxes[0], "segmentation": [person]},
            {"id": 2, "image_id": 7, "category_id": 18, "area": 100, "bbox": boxes[1], "segmentation": [dog]},
        ],
    }
    (folder / "annotations" / "instances_val2017.json").write_text(json.dumps(data))
    return parse_config(
        {
            "name": "masked",
            "content": {"source": "coco", "path": str(folder), "split": "val2017", "regions": list(categories)},
            "style": str(folder / "style"),
            "pairing": {"strategy": "random"},
            "method": {"recipe": "wavelet", "size": 48, "evaluations": 3, **method},
            "execution": {"devices": "cpu"},
            "output": {"root": str(folder / "outputs"), "format": "png"},
        }
    )


@pytest.mark.parametrize(("keep", "kept"), [("person", slice(28, 48)), ("background", slice(14, 20))])
def test_persons_or_what_is_around_them_stay_photographs(folder: Path, keep: str, kept: slice) -> None:
    config = coco(folder, "person", keep=keep)
    (row,) = make(config).values()
    difference = np.abs(pixels(config.run_folder / row.file_name) - pixels(folder / "content" / "a.png"))
    assert difference[:, kept].max() <= 1
    painted = slice(0, 20) if keep == "person" else slice(28, 48)
    assert difference[:, painted].mean() > 5
    assert row.extras["mask"] == "coco:person"


def test_a_region_that_coco_lacks_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no category 'persn' \(did you mean 'person'"):
        plan(coco(folder, "persn", keep="background"))


def test_a_manifest_names_regions_of_coco(folder: Path) -> None:
    base = coco(folder, "dog", keep="person")
    (folder / "pairs.csv").write_text("content,style,mask\na.png,s1.png,coco:person\n")
    pairing = {"strategy": "manifest", "manifest": str(folder / "pairs.csv")}
    config = parse_config(base.model_dump(mode="json") | {"pairing": pairing})
    (row,) = make(config).values()
    difference = np.abs(pixels(config.run_folder / row.file_name) - pixels(folder / "content" / "a.png"))
    assert difference[:, 28:].max() <= 1
    assert difference[:, :20].mean() > 5


LABELS = LabelImage(np.repeat(np.array([[0, 1, 2]], np.int32), 4, axis=1).repeat(6, axis=0))
RECIPE = Recipe("r", ContentTerm(()), StyleTerm(()), edge=0)


def asked(masks: PairMasks, styles: int, recipe: Recipe = RECIPE) -> tuple[list[tuple[int, int | None]], StyleTarget]:
    """The (style, pixels of its region) whose targets are asked for, in order, and the target of the pair."""
    import torch

    found: list[tuple[int, int | None]] = []

    def target_of(place: int, mask: StyleMask | None) -> StyleTarget:
        found.append((place, None if mask is None else int(mask.bits.sum())))
        return StyleTarget({}, ColourStatistics(torch.zeros(3), torch.eye(3)))

    target = masked_target(masks, np.zeros((6, 12, 3), np.uint8), [1.0] * styles, recipe, target_of)
    return found, target


def test_label_k_takes_style_k_and_the_background_all_of_them() -> None:
    found, target = asked(PairMasks(LABELS, (None, None), by_number=True), 2)
    assert found == [(0, None), (1, None), (0, None), (1, None)]  # the blend, the first, the second
    assert target.regions is not None
    assert target.regions.shares() == pytest.approx([1 / 3] * 3)


def test_the_background_may_be_kept_under_several_styles() -> None:
    from dataclasses import replace

    found, target = asked(PairMasks(LABELS, (None, None), True), 2, replace(RECIPE, keep=("background",)))
    assert found == [(0, None), (1, None)]
    assert target.regions is not None
    assert target.regions.keep[:, :4].min() == 1
    assert target.regions.keep[:, 4:].max() == 0


def test_a_region_takes_that_of_the_same_label_of_its_style_where_the_style_has_one() -> None:
    style = LabelImage(np.array([[1, 1, 2, 5]], np.int32))
    assert asked(PairMasks(LABELS, (style,)), 1)[0] == [(0, None), (0, 2), (0, 1)]
    assert asked(PairMasks(LABELS, (None, style), True), 2)[0][2:] == [(0, None), (1, 1)]


def test_named_regions_take_the_styles_in_order() -> None:
    from dataclasses import replace

    recipe = replace(RECIPE, regions=("2", "background"))
    found, target = asked(PairMasks(LABELS, (None, None)), 2, recipe)
    assert found == [(0, None), (1, None), (0, None), (1, None)]  # the rest, label 1, takes the blend
    assert target.regions is not None
    assert target.regions.guides[0, 0].tolist() == [0.0] * 8 + [1.0] * 4
