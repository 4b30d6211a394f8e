"""The run files of the literature: what they ask for, and that they run on small real copies from one command."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from tiny_networks import adain_files
from typer.testing import CliRunner

from flows.cli import app
from nst_core.config.run_config import load_config
from nst_core.engine.recipe import Recipe
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import ConfigError

GEIRHOS, MICHAELIS, CUES = "stylized_imagenet_geirhos", "stylized_coco_michaelis", "cue_conflict_geirhos"
BETTER_IMAGENET, BETTER_COCO, BETTER_CUES = (
    "stylized_imagenet_disjoint",
    "stylized_coco_disjoint",
    "cue_conflict_disjoint",
)
SMALL = ("--set=method.size=48", "--set=method.evaluations=2", "--set=execution.devices=cpu")


def recipe_of(name: str, *overrides: str) -> TransferRecipe | Recipe:
    return load_config(Path(name), overrides).method.resolve()


class TestWhatTheyAskFor:
    def test_imagenet_is_resized_and_cropped_as_published(self) -> None:
        recipe = recipe_of(GEIRHOS)
        assert isinstance(recipe, TransferRecipe)
        content, style = recipe.content_fit(recipe.size), recipe.style_fit(recipe.size)
        assert (content.size, content.side, content.crop, content.resizing) == (256, "shorter", 224, "bilinear")
        assert (style.size, style.side, style.crop) == (224, "shorter", 224)
        assert recipe.strength is None, "alpha 1"

    def test_coco_keeps_its_own_size(self) -> None:
        recipe = recipe_of(MICHAELIS)
        assert isinstance(recipe, TransferRecipe)
        content, style = recipe.content_fit(recipe.size), recipe.style_fit(recipe.size)
        assert (content.size, content.side, content.upscale, content.crop) == (10_000, "longer", False, None)
        assert (style.size, style.side, style.upscale, style.crop) == (512, "shorter", True, None)
        assert load_config(Path(MICHAELIS)).pairing.originals

    def test_cue_conflicts_are_gatys_code_s(self) -> None:
        recipe = recipe_of(CUES)
        assert isinstance(recipe, Recipe)
        assert (recipe.weights, recipe.pooling, recipe.normalised, recipe.inputs) == ("caffe", "max", False, "caffe")
        assert recipe.content.layers == (("relu4_2", 1.0),)
        assert dict(recipe.style.layers) == {f"relu{block}_1": 1000.0 for block in range(1, 6)}
        assert (recipe.content.loss, recipe.style.loss, recipe.alpha, recipe.beta) == ("mean", "mean", 1.0, 1.0)
        optimiser = recipe.optimiser
        assert (optimiser.name, optimiser.history, optimiser.precondition) == ("lbfgs", 100, "none")
        assert (recipe.start, recipe.evaluations, recipe.tv_weight, recipe.range_weight) == ("content", 500, 0, 0)

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("output.size=original", "method.crop does not go with output.size: original"),
            ("content={source: coco}", "method.crop does not go with content.source: coco"),
            ("method.keep=[person]", "method.crop cuts contents off, and masks would not fit"),
        ],
    )
    def test_what_a_crop_would_spoil_is_refused(self, override: str, said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            load_config(Path(GEIRHOS), [override])


class TestBetterVariants:
    @pytest.mark.parametrize("name", [BETTER_IMAGENET, BETTER_COCO, BETTER_CUES])
    def test_they_are_of_the_default_recipe_and_count_copies_of_a_painting_once(self, name: str) -> None:
        config = load_config(Path(name), ["execution.devices=cpu"])
        assert config.method.recipe == "slim"
        assert config.style.duplicates == "drop_exact"
        for recipe in ("magenta", "adain"):
            assert load_config(Path(name), [f"method.recipe={recipe}"]).method.resolve().name == recipe

    @pytest.mark.parametrize("name", [BETTER_IMAGENET, BETTER_COCO])
    def test_a_tenth_of_the_paintings_is_for_val_alone(self, name: str) -> None:
        pairing = load_config(Path(name)).pairing
        assert pairing.disjoint_styles == "stable"
        assert sorted((pairing.splits or {}).values()) == [0.1, 0.9]

    def test_coco_is_delivered_at_its_own_size_and_with_the_originals(self) -> None:
        config = load_config(Path(BETTER_COCO))
        assert (config.output.size, config.pairing.originals) == ("original", True)
        assert config.content.exclude_licenses == ["nd"]

    def test_cue_conflicts_are_conflicts(self) -> None:
        assert load_config(Path(BETTER_CUES)).pairing.conflict


@pytest.mark.slow
@pytest.mark.usefixtures("api")
class TestRuns:
    """From one command, on small real copies."""

    @pytest.fixture(autouse=True)
    def _here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        adain_files(tmp_path / "models")
        monkeypatch.chdir(tmp_path)

    def nst(self, *arguments: str) -> None:
        found = CliRunner().invoke(app, [*arguments])
        assert found.exit_code == 0, found.output

    def rows(self, name: str) -> pd.DataFrame:
        rows = pd.read_parquet(Path("outputs") / name / "results")
        assert set(rows.status) == {"success"}
        return rows

    def test_stylized_imagenet(self, shared: Path, tmp_path: Path) -> None:
        self.imagenet(shared, tmp_path)
        paintings = shared / "data" / "artworks" / "images" / "images"
        self.nst("run", GEIRHOS, "--set=execution.devices=cpu", f"--set=style.path={paintings}")
        rows = self.rows(GEIRHOS)
        assert len(rows) == 3
        assert set(zip(rows.width, rows.height, strict=True)) == {(224, 224)}
        assert set(rows.split) == {"train", "val"}
        assert all(name.endswith(".png") for name in rows.file_name)

    def imagenet(self, shared: Path, folder: Path) -> None:
        """A tree of three photographs, one of val."""
        photographs = sorted((shared / "data" / "coco" / "val2017").glob("*.jpg"))
        for number, path in enumerate(photographs[:3]):
            place = folder / "imagenet" / ("val" if number == 0 else "train") / "dog"
            place.mkdir(parents=True, exist_ok=True)
            (place / path.name).symlink_to(path)

    def test_stylized_coco(self, shared: Path) -> None:
        coco, paintings = shared / "data" / "coco", shared / "data" / "artworks" / "images" / "images"
        settings = ["--set=content.split=val2017", "--set=content.download=false", "--set=content.limit=2"]
        places = [f"--set=content.path={coco}", f"--set=style.path={paintings}", "--set=execution.devices=cpu"]
        self.nst("run", MICHAELIS, *settings, *places)
        rows = self.rows(MICHAELIS)
        assert len(rows) == 4
        assert sorted(rows.content_path.value_counts()) == [2, 2]
        assert (rows.total_loss.isna()).all()
        for row in rows.itertuples():
            assert Image.open(row.content_path).size == (row.width, row.height)
        self.nst("export", f"outputs/{MICHAELIS}", "--to", "coco", "-o", "exported")
        told = json.loads(next(Path("exported").rglob("instances_*.json")).read_text(encoding="utf-8"))
        assert len(told["images"]) == 4
        assert len({image["source_image_id"] for image in told["images"]}) == 2

    def test_cue_conflicts(self, shared: Path, tmp_path: Path) -> None:
        for role, paths in (
            ("objects", sorted((shared / "data" / "coco" / "val2017").glob("*.jpg"))[:1]),
            ("textures", sorted((shared / "data" / "artworks" / "images").rglob("*.jpg"))[:2]),
        ):
            for number, path in enumerate(paths):
                folder = tmp_path / role / f"class{number}"
                folder.mkdir(parents=True)
                (folder / path.name).symlink_to(path)
        small = ["--set=method.size=48", "--set=method.evaluations=5", "--set=pairing.styles_per_content=2"]
        self.nst("run", CUES, *small, "--set=execution.devices=cpu")
        rows = self.rows(CUES)
        assert len(rows) == 2
        assert set(rows.artist) == {"class0", "class1"}
        assert (rows[["width", "height"]].min(axis=1) == 48).all()

    def test_stylized_imagenet_disjoint(self, shared: Path, tmp_path: Path) -> None:
        self.imagenet(shared, tmp_path)
        paintings = shared / "data" / "artworks" / "images" / "images"
        even = "--set=pairing.splits={train: 1, val: 1}"  # of a handful of paintings a tenth may be none
        self.nst("run", BETTER_IMAGENET, *SMALL, even, f"--set=style.path={paintings}")
        rows = self.rows(BETTER_IMAGENET)
        assert set(zip(rows.method, rows.features, strict=True)) == {("slim", "slim")}
        assert (rows[["width", "height"]].min(axis=1) == 48).all()
        used = {split: set(rows.style_sha256[rows.split == split]) for split in ("train", "val")}
        assert all(used.values())
        assert used["train"].isdisjoint(used["val"])
        assert rows[["content_sha256", "style_sha256", "output_sha256"]].notna().all(axis=None)

    def test_stylized_coco_disjoint(self, shared: Path) -> None:
        coco, paintings = shared / "data" / "coco", shared / "data" / "artworks" / "images" / "images"
        even = "--set=pairing.splits={train: 1, val: 1}"
        places = [f"--set=content.path={coco}", "--set=content.download=false", f"--set=style.path={paintings}"]
        self.nst("run", BETTER_COCO, *SMALL, even, "--set=content.split=val2017", *places)
        rows = pd.read_parquet(Path("outputs") / BETTER_COCO / "results")
        assert set(rows.status) == {"success", "skipped"}
        assert rows[rows.status == "skipped"].content_license.str.contains("ND").all()
        for row in rows[rows.status == "success"].itertuples():
            assert Image.open(row.content_path).size == (row.width, row.height)

    def test_cue_conflict_disjoint(self, shared: Path, tmp_path: Path) -> None:
        objects = sorted((shared / "data" / "coco" / "val2017").glob("*.jpg"))[:2]
        textures = sorted((shared / "data" / "artworks" / "images").rglob("*.jpg"))[:3]
        for role, paths in (("objects", objects), ("textures", textures)):
            for number, path in enumerate(paths):
                folder = tmp_path / role / f"class{number}"
                folder.mkdir(parents=True)
                (folder / path.name).symlink_to(path)
        self.nst("run", BETTER_CUES, *SMALL)
        rows = self.rows(BETTER_CUES)
        assert len(rows) == 4
        assert (rows.label != rows.artist).all()
