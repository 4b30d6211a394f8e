"""Pairs as a manifest says: names found in the sources or as files, what it leaves open drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogues import contents, drawn, styles

from nst_core.config.pairing import Pairing
from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import ManifestError
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs
from nst_core.manifest.pairs import read_pairs
from nst_core.manifest.row import Overrides
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.index.inputs import inspect_input
from nst_core.storage.paths import located


def pairs(folder: Path, text: str, seed: int = 0, **sources: Catalogue) -> list[Pair]:
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    given = sources.get("styles", styles(Monet=9, Hokusai=9))
    return read_pairs(path, seed, sources.get("contents", contents(30)), StyleSet(given))


def test_ids_of_the_sources_are_found(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, "content,style\nphoto-0004.jpg,Monet/3.jpg\n")
    assert pair.content == contents(30).by_id()["photo-0004.jpg"]
    assert pair.styles[0].item == styles(Monet=9).by_id()["Monet/3.jpg"]
    assert (pair.artist, pair.label, pair.replicate) == ("Monet", "class 1", 0)


def test_an_artist_alone_gets_one_of_its_works_drawn(tmp_path: Path) -> None:
    text = "content,artist\n" + "".join(f"photo-{i:04d}.jpg,monet\n" for i in range(30))
    found = pairs(tmp_path, text)
    assert {pair.artist for pair in found} == {"Monet"}
    assert {pair.styles[0].item.artist for pair in found} == {"Monet"}
    assert len({pair.styles[0].item.id for pair in found}) > 5
    assert found == pairs(tmp_path, text)
    assert drawn(found) != drawn(pairs(tmp_path, text, seed=1))


def test_other_rows_do_not_move_a_draw(tmp_path: Path) -> None:
    rows = [f"photo-{i:04d}.jpg,Monet\n" for i in range(20)]
    few = drawn(pairs(tmp_path, "content,artist\n" + "".join(rows[:10])))
    assert few < drawn(pairs(tmp_path, "content,artist\n" + "".join(reversed(rows))))


def test_a_drawn_style_is_that_of_the_strategy_artist(tmp_path: Path) -> None:
    by_strategy = drawn(list(draw_pairs(Pairing(strategy="artist"), contents(20).items, StyleSet(styles(Monet=9)))))
    rows = "".join(f"photo-{i:04d}.jpg,Monet\n" for i in range(20))
    assert drawn(pairs(tmp_path, f"content,artist\n{rows}", styles=styles(Monet=9))) == by_strategy


def test_a_row_s_own_seed_draws_for_that_row_alone(tmp_path: Path) -> None:
    plain = pairs(tmp_path, "content,artist,seed\nphoto-0001.jpg,Monet,\nphoto-0002.jpg,Monet,\n")
    works = set()
    for seed in range(30):
        one, two = pairs(tmp_path, f"content,artist,seed\nphoto-0001.jpg,Monet,{seed}\nphoto-0002.jpg,Monet,\n")
        works.add(one.styles[0].item.id)
        assert one.overrides == Overrides(seed=seed)
        assert two == plain[1]
    assert len(works) > 5


def test_the_seed_of_the_run_given_in_a_row_changes_nothing(tmp_path: Path) -> None:
    texts = ("content,artist\nphoto-0001.jpg,Monet\n", "content,artist,seed\nphoto-0001.jpg,Monet,5\n")
    assert drawn(pairs(tmp_path, texts[0], seed=5)) == drawn(pairs(tmp_path, texts[1], seed=0))


def test_what_a_row_says_goes_before_what_the_source_knows(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, "content,style,artist,label,split\nphoto-0004.jpg,Monet/3.jpg,My Show,cat,val\n")
    assert (pair.artist, pair.label, pair.split) == ("My Show", "cat", "val")


def test_a_known_artist_beside_a_style_gets_its_display_name(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, "content,style,artist\nphoto-0004.jpg,Monet/3.jpg,HOKUSAI\n")
    assert pair.artist == "Hokusai"


def test_a_blend_belongs_to_the_artist_of_its_first_style(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, "content,style\nphoto-0004.jpg,Hokusai/1.jpg@0.7;Monet/3.jpg@0.3\n")
    assert [(share.item.id, share.share) for share in pair.styles] == [("Hokusai/1.jpg", 0.7), ("Monet/3.jpg", 0.3)]
    assert pair.artist == "Hokusai"


def test_a_file_beside_the_manifest_comes_before_one_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, current = tmp_path / "beside", tmp_path / "current"
    for path in (beside / "both.jpg", current / "both.jpg", current / "current.jpg"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(current)
    both, only = pairs(beside, "content,style\nboth.jpg,both.jpg\ncurrent.jpg,current.jpg\n")
    assert both.content.path == beside / "both.jpg"
    assert only.content.path == current / "current.jpg"
    assert (both.content.id, both.artist, both.label) == ("both.jpg", None, None)


def test_a_path_to_a_file_of_the_source_is_that_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "art" / "Monet" / "1.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    work = Item("Monet/1.jpg", path, artist="Monet", license="CC0")
    monkeypatch.chdir(tmp_path / "art")
    for name in ("art/Monet/1.jpg", str(path), "./Monet/1.jpg", "Monet/1.jpg"):
        (pair,) = pairs(tmp_path, f"content,style\nphoto-0001.jpg,{name}\n", styles=Catalogue((work,)))
        assert pair.styles[0].item == work
        assert pair.artist == "Monet"


@pytest.mark.parametrize(
    "name", ["nope.jpg", "no/such/folder/a.jpg", "x" * 5000 + ".jpg", "a\0b.jpg", "photo-0001.jpg/a"]
)
def test_a_file_that_is_not_there_is_a_bad_input_and_no_fault(tmp_path: Path, name: str) -> None:
    found = pairs(tmp_path, f"content,style\n{name},Monet/1.jpg\nphoto-0001.jpg,{name}\n")
    item = found[0].content
    assert item == found[1].styles[0].item
    assert type(inspect_input(item.path, ImageLimits()).error).__name__ == "MissingImage"


def test_a_decomposed_spelling_finds_the_item(tmp_path: Path) -> None:
    cafe = Catalogue((Item("caf\u00e9.jpg", Path("x.jpg"), label="drinks"),))
    (pair,) = pairs(tmp_path, "content,style\ncafe\u0301.jpg,Monet/1.jpg\n", contents=cafe)
    assert pair.content == cafe.items[0]


def test_a_wrong_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"row 3, column artist.*did you mean 'Hokusai'"):
        pairs(tmp_path, "content,artist\nphoto-0001.jpg,Monet\nphoto-0002.jpg,Hokusay\n")


def test_a_manifest_may_name_files_at_a_store(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, "content,style\ns3://bucket/a b.jpg,s3://bucket/x.png@0.25;Monet/3.jpg@0.75\n")
    assert pair.content.path == located("s3://bucket/a b.jpg")
    assert [(str(style.item.path), style.share) for style in pair.styles] == [
        ("s3://bucket/x.png", 0.25),
        (str(styles(Monet=9).by_id()["Monet/3.jpg"].path), 0.75),
    ]


def test_a_manifest_at_a_store_names_what_lies_beside_it(memory: Path) -> None:
    known = Catalogue.of([Item("photo", memory / "photographs" / "a.jpg", label="cat")])
    rows = "photographs/a.jpg,x.jpg\nphoto,y.jpg\nmemory://place/photographs/a.jpg,z.jpg\n"
    found = pairs(memory, f"content,style\n{rows}", contents=known)
    assert [pair.content.label for pair in found] == ["cat"] * 3
    assert [pair.styles[0].item.path for pair in found] == [memory / name for name in ("x.jpg", "y.jpg", "z.jpg")]
