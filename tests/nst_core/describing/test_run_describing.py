"""A run described: once for each picture by its bytes, going on where it stopped; what cannot be read is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shown import done, write

from nst_core.describing import run_describing
from nst_core.describing.run_describing import describe_run
from nst_core.engine.descriptor import Descriptor
from nst_core.errors import Interrupted, RunFolderError, UsageError
from nst_core.run_folder.descriptors import descriptor_files, read_descriptors
from nst_core.run_folder.results import Result


def draw(path: Path, seed: int) -> str:
    """Soft blobs, 40 × 30 pixels; returns the file's sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(cells).resize((40, 30)).save(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def result(run: Path, name: str, seed: int) -> Result:
    inputs = run.parent / "inputs"
    painting = inputs / "ada work.png"
    hashes = {"style_sha256": draw(painting, 99), "output_sha256": draw(run / f"images/{name}--ada.png", seed)}
    return done(run, name, style_path=str(painting), **hashes)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", [result(tmp_path / "run", name, seed) for seed, name in enumerate("abc")])


def test_every_picture_and_painting_is_described_once(run: Path) -> None:
    told: list[tuple[int, int]] = []
    first = describe_run(run, "cpu", lambda count, total: told.append((count, total)))
    assert (first.results, first.paintings, first.new, first.left_out) == (3, 1, 4, ())
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)
    found = read_descriptors([run])
    assert len(found) == 4
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=2e-3)
    files = descriptor_files(run)
    again = describe_run(run, "cpu")
    assert (again.results, again.paintings, again.new) == (3, 1, 0)
    assert descriptor_files(run) == files


def test_new_pictures_and_those_of_a_damaged_part_are_described_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe_run(run, "cpu")
    write(run, [result(run, "d", 7)], part="0001")
    described: list[int] = []
    own = Descriptor.describe

    def counted(self: Descriptor, images: object) -> object:
        described.append(len(images))  # type: ignore[arg-type]
        return own(self, images)  # type: ignore[arg-type]

    monkeypatch.setattr(Descriptor, "describe", counted)
    assert describe_run(run, "cpu").new == 1
    assert sum(described) == 1
    (small,) = [file for file in descriptor_files(run) if read_rows(file) == 1]
    small.write_bytes(b"half of it")
    assert describe_run(run, "cpu").new == 1
    assert sum(described) == 2
    assert len(descriptor_files(run)) == 2


def read_rows(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def test_what_was_described_before_an_interruption_stays(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_describing, "BATCH", 1)

    def stop(count: int, total: int) -> None:
        if count == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        describe_run(run, "cpu", stop)
    assert len(read_descriptors([run])) == 2
    assert describe_run(run, "cpu").new == 2


def test_what_is_gone_or_changed_is_named_and_the_others_are_described(run: Path) -> None:
    (run / "images/a--ada.png").unlink()
    draw(run / "images/b--ada.png", 50)
    (run.parent / "inputs" / "ada work.png").write_bytes(b"no picture")
    description = describe_run(run, "cpu")
    assert (description.results, description.paintings, description.new) == (1, 0, 1)
    reasons = {Path(one.name).name: one.reason for one in description.left_out}
    assert set(reasons) == {"a--ada.png", "b--ada.png", "ada work.png"}
    assert "not the file that the run knew" in reasons["b--ada.png"]


def test_a_name_that_leads_out_of_the_run_folder_is_not_followed(run: Path) -> None:
    outside = draw(run.parent / "secret.png", 3)
    row = done(run, "e", file_name="../secret.png", output_sha256=outside)
    write(run, [row], part="0002")
    description = describe_run(run, "cpu")
    assert [one.reason for one in description.left_out] == ["it leads outside of the run folder"]
    assert outside not in read_descriptors([run]).places


def test_there_must_be_a_run_with_pictures(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError):
        describe_run(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no pictures yet"):
        describe_run(write(tmp_path / "run", []))
