"""Splits and labels by the folders that images lie in."""

from __future__ import annotations

import pytest

from nst_core.sources.folder_layout import FolderLayout


def placed(images: list[str], *empty: str) -> list[tuple[str | None, str | None]]:
    folders = {"/".join(image.split("/")[:depth]) for image in images for depth in range(image.count("/") + 1)}
    layout = FolderLayout(images, folders | set(empty))
    return [layout.place(image) for image in images]


@pytest.mark.parametrize(
    ("images", "empty", "places"),
    [
        (["a.jpg", "cat/b.jpg"], [], [(None, None), (None, "cat")]),
        (["train/cat/a.jpg", "val/b.jpg", "c.jpg"], [], [("train", "train/cat"), ("val", None), (None, None)]),
        (["train/a.jpg", "cat/b.jpg"], [], [(None, "train"), (None, "cat")]),
        (["images/train/a.jpg", "images/val/b.jpg"], [], [("train", None), ("val", None)]),
        (["images/train/cat/a.jpg"], ["labels", "labels/train"], [("train", "images/train/cat")]),
        (["images/a.jpg"], ["labels"], [(None, None)]),
        (["JPEGImages/a.jpg"], ["Annotations"], [(None, None)]),
        (["images/cat/a.jpg"], ["labels"], [(None, "images/cat")]),
        (["train/images/a.jpg", "val/images/b.jpg"], ["train/labels", "val/labels"], [("train", None), ("val", None)]),
        (["train/images/a.jpg", "val/b.jpg"], ["train/labels"], [("train", None), ("val", None)]),
        (["train/images/a.jpg"], [], [("train", "train/images")]),
        (["images/a.jpg"], [], [(None, "images")]),
        (["images/a.jpg", "more/b.jpg"], ["labels"], [(None, "images"), (None, "more")]),
        (["images/train/a.jpg", "images/cat/b.jpg"], [], [(None, "images"), (None, "images")]),
        (["images/train/a.jpg", "b.jpg"], [], [("train", None), (None, None)]),
    ],
)
def test_folders_mean_splits_labels_or_nothing(
    images: list[str], empty: list[str], places: list[tuple[str | None, str | None]]
) -> None:
    assert placed(images, *empty) == places


def test_a_single_folder_of_pictures_that_hides_the_labels_is_told() -> None:
    assert FolderLayout(["images/cat/a.jpg", "images/dog/b.jpg"], {"", "images"}).nameless_label() == "images"
    assert FolderLayout(["images/a.jpg"], {"", "images"}).nameless_label() is None
    assert FolderLayout(["images/train/a.jpg"], {"", "images"}).nameless_label() is None
    assert FolderLayout(["a.jpg"], {""}).nameless_label() is None
