"""What is tried again, and what a run folder alone tells about how."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from finished import finished_run

from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.errors import ConfigError, RunFolderError
from nst_core.plan.retry import Only, chunks_to_retry, retry_config
from nst_core.recipes.files import configs_folder
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.folder import RunFolder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> RunConfig:
    """Two artists with six pairs each: three made, one quarantined, one skipped, one failed."""
    return finished_run(tmp_path_factory.mktemp("finished"), make_image)


@pytest.fixture
def moved(finished: RunConfig, tmp_path: Path) -> RunFolder:
    """A copy of the run folder, elsewhere and under a name that no run file could give."""
    return RunFolder(Path(shutil.copytree(finished.run_folder, tmp_path / "elsewhere" / "a copy (1)")))


def chunks(folder: RunFolder, only: Only | None = None) -> list[Chunk]:
    return chunks_to_retry(folder.read_plan(), folder.outcomes(), only)


def wanted(found: list[Chunk], folder: RunFolder) -> Counter[str]:
    outcomes = folder.outcomes()
    return Counter(outcomes[name].status for chunk in found for name in chunk.wanted)


def edit(folder: RunFolder, section: str, **changes: object) -> None:
    path = folder.root / "run.yaml"
    data = yaml.safe_load(path.read_text())
    data["config"][section] |= changes
    path.write_text(yaml.safe_dump(data))


@pytest.mark.parametrize(
    ("only", "expected"),
    [(None, {"failed": 2, "quarantined": 2}), ("failed", {"failed": 2}), ("quarantined", {"quarantined": 2})],
)
def test_what_failed_is_wanted_and_nothing_else(moved: RunFolder, only: Only | None, expected: dict[str, int]) -> None:
    assert wanted(chunks(moved, only), moved) == expected


def test_chunks_are_whole_so_that_batches_are(moved: RunFolder) -> None:
    plan = list(moved.read_plan())
    for chunk in chunks(moved):
        assert list(chunk.rows) == [row for row in plan if row.chunk_id == chunk.chunk_id]
        assert chunk.wanted


def test_where_nothing_failed_nothing_is_wanted(moved: RunFolder) -> None:
    shutil.rmtree(moved.root / "results")
    assert chunks(moved) == []


def test_a_moved_run_is_itself_with_another_place(finished: RunConfig, moved: RunFolder) -> None:
    config = retry_config(moved)
    assert config.run_folder == moved.root
    moved.check_method(resolve_method(config).fingerprints)
    assert config.method == finished.method
    assert config.execution == finished.execution


def test_the_current_directory_does_not_matter(moved: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(moved.root.parent)
    config = retry_config(RunFolder(Path("a copy (1)")))
    monkeypatch.chdir("/")
    assert config.run_folder == moved.root


def test_overrides_lie_over_it(moved: RunFolder) -> None:
    assert retry_config(moved, ["execution.retries=7"]).execution.retries == 7
    with pytest.raises(ConfigError, match=r"execution\.retrys is not a known key"):
        retry_config(moved, ["execution.retrys=7"])


def test_recorded_paths_are_taken_as_they_are_and_overrides_expanded(
    moved: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    edit(moved, "content", path="~/pay$roll")
    assert retry_config(moved).content.path == Path("~/pay$roll")
    assert retry_config(moved, ["content.path=~/x"]).content.path == Path("/home/ada/x")


def test_execution_keys_of_another_version_are_left_out(moved: RunFolder) -> None:
    edit(moved, "execution", antigravity="on", retries=5)
    assert retry_config(moved).execution.retries == 5


class TestFilesByRelativePaths:
    @pytest.fixture
    def recipe(self, moved: RunFolder, tmp_path: Path) -> Path:
        """A recipe of one's own, in `tmp_path`, which run.yaml names as `mine.yaml`."""
        edit(moved, "method", recipe="mine.yaml")
        return Path(shutil.copy(configs_folder() / "methods" / "wavelet.yaml", tmp_path / "mine.yaml"))

    def test_a_recipe_is_found_from_where_the_run_was_started(
        self, moved: RunFolder, recipe: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(recipe.parent)
        moved.check_method(resolve_method(retry_config(moved)).fingerprints)

    def test_elsewhere_one_sentence_says_what_to_do(
        self, moved: RunFolder, recipe: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(moved.root)
        with pytest.raises(RunFolderError, match=r"names the recipe mine\.yaml.*--set method\.recipe=<path>"):
            retry_config(moved)
        assert retry_config(moved, [f"method.recipe={recipe}"]).method.recipe == str(recipe)

    def test_the_same_for_weights(self, moved: RunFolder, tmp_path: Path) -> None:
        edit(moved, "method", recipe="squeezenet", weights="nets/squeeze.pth")
        with pytest.raises(RunFolderError, match=r"names the weights nets/squeeze\.pth.*--set method\.weights=<path>"):
            retry_config(moved)
        found = retry_config(moved, [f"method.weights={tmp_path / 'squeeze.pth'}"])
        assert found.method.resolve().weights == str(tmp_path / "squeeze.pth")


@pytest.mark.parametrize("text", [None, "", "config: 3\n"])
def test_a_run_without_its_run_file_cannot_be_retried(moved: RunFolder, text: str | None) -> None:
    (moved.root / "run.yaml").unlink()
    if text is not None:
        (moved.root / "run.yaml").write_text(text)
    with pytest.raises(RunFolderError, match=r"does not say how this run was made: restore it"):
        retry_config(moved)


def test_a_folder_that_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run folder"):
        retry_config(RunFolder(tmp_path))


class TestADatasetThatIsGone:
    @pytest.fixture
    def gone(self, tmp_path: Path, make_image: Callable[..., Path]) -> RunFolder:
        config = finished_run(tmp_path / "work", make_image)
        (tmp_path / "work" / "content").rename(tmp_path / "work" / "moved")
        return RunFolder(config.run_folder)

    def test_failed_pairs_are_not_quarantined_for_it(self, gone: RunFolder) -> None:
        for only in (None, "failed"):
            with pytest.raises(RunFolderError, match=r"None of the images .* is where it was planned"):
                chunks(gone, only)  # type: ignore[arg-type]

    def test_pairs_in_quarantine_lose_nothing_by_a_try(self, gone: RunFolder) -> None:
        assert wanted(chunks(gone, "quarantined"), gone) == {"quarantined": 2}
