"""What was said of pairs, as it can be handed on."""

from __future__ import annotations

import pytest

from nst_core.run_folder.without_folders import base_name, style_names, without_folders


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("/home/me/my photos/a.jpg: it ends too early", "a.jpg: it ends too early"),
        ("/art/of/Ada/1.jpg and /art/of/Bo/2.jpg\n  differ", "1.jpg and 2.jpg differ"),
        ("No such file: '/home/me/other.jpg'", "No such file: 'other.jpg'"),
        ("s3://bucket/photos/a.jpg is gone", "a.jpg is gone"),
        ("3 of 4 at 12 px/s", "3 of 4 at 12 px/s"),
    ],
)
def test_a_message_names_files_without_their_folders(message: str, told: str) -> None:
    assert without_folders(message, ["/home/me/my photos/a.jpg", "/art/of/Ada/1.jpg", "/art/of/Bo/2.jpg", None]) == told


def test_a_message_without_end_is_cut() -> None:
    assert len(without_folders("x" * 5000, [])) == 400


def test_a_pair_without_style_is_told_as_it_is() -> None:
    assert (base_name(None), style_names([])) == ("unknown", "as it is")
    assert style_names(["/art/Ada/1.jpg", "/art/Bo/2.jpg"]) == "1.jpg + 2.jpg"
