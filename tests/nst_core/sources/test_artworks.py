"""Best Artworks of All Time: paintings by the table's artists, whatever unpacking did to names, and what is odd."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.config.sources import ArtworksSource
from nst_core.errors import ConfigError, SourceError
from nst_core.sources.artist_names import repair_encoding, spelling_key, suggest_name
from nst_core.sources.artist_table import ArtistRow, read_artist_table
from nst_core.sources.base import Catalogue
from nst_core.sources.left_out import count_by_reason
from nst_core.sources.registry import open_source

BROKEN = ("Albrecht_Du╠êrer", "Albrecht_DuΓòá├¬rer", "Albrecht_DuÔòá├¬rer")
HEADER = "id,name,years,genre,nationality,bio,wikipedia,paintings\n"
TABLE = HEADER + (
    '0,Vincent van Gogh,1853 – 1890,Post-Impressionism,Dutch,"Painter, of stars",http://en.wikipedia.org/wiki/V,877\n'
    '1,Vasiliy Kandinskiy,1866 - 1944,"Expressionism,Abstractionism",Russian,,,88\n'
    "2,Albrecht Dürer,1471 - 1528,Northern Renaissance,German,,,328\n"
    '3,El Greco,1541 - 1614,Mannerism,"Spanish,Greek",,,87\n'
)


def kaggle(root: Path, *files: str, table: str = TABLE) -> Path:
    """A dataset whose files hold their own names: all different, as paintings are."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "artists.csv").write_text(table, encoding="utf-8")
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def opened(root: Path, role: str = "style", **options: object) -> Catalogue:
    return open_source(ArtworksSource.model_validate({"path": root, **options}), role)  # type: ignore[arg-type]


def ids(catalogue: Catalogue) -> list[str]:
    return [item.id for item in catalogue.items]


GOGH = "images/images/Vincent_van_Gogh/Vincent_van_Gogh_1.jpg"
KANDINSKY = "images/images/Vasiliy_Kandinskiy/Vasiliy_Kandinskiy_7.jpg"


def test_a_painting_has_its_artist_genre_nationality_licence_and_page(tmp_path: Path) -> None:
    (item,) = opened(kaggle(tmp_path, KANDINSKY)).items
    assert (item.id, item.artist, item.label) == ("Vasiliy_Kandinskiy_7", "Vasiliy Kandinskiy", None)
    assert (item.genre, item.nationality) == ("Expressionism, Abstractionism", "Russian")
    assert (item.license, item.path) == ("CC-BY-NC-SA-4.0", tmp_path / KANDINSKY)
    assert item.source_url == "https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time"


def test_a_painting_as_content_has_its_artist_as_label(tmp_path: Path) -> None:
    assert [item.label for item in opened(kaggle(tmp_path, GOGH), "content").items] == ["Vincent van Gogh"]


def test_full_and_resized_paintings_have_the_same_ids_and_may_lie_one_level_up(tmp_path: Path) -> None:
    names = [f"Vincent_van_Gogh_{n}.jpg" for n in (1, 2, 10)]
    layouts = ("images/images/Vincent_van_Gogh", "images/Vincent_van_Gogh", "resized/resized", "resized")
    for place in layouts:
        root = kaggle(tmp_path / place.replace("/", "-"), *(f"{place}/{name}" for name in names))
        catalogue = opened(root, images="resized" if "resized" in place else "full", artists=["Vincent van Gogh"])
        assert ids(catalogue) == ["Vincent_van_Gogh_1", "Vincent_van_Gogh_10", "Vincent_van_Gogh_2"]
        assert [item.artist for item in catalogue.items] == ["Vincent van Gogh"] * 3
        assert catalogue.notes == ()


@pytest.mark.parametrize("broken", [*BROKEN, "Albrecht_Dürer", unicodedata.normalize("NFD", "Albrecht_Dürer")])
@pytest.mark.parametrize("images", ["full", "resized"])
def test_every_spelling_of_durer_is_durer(tmp_path: Path, broken: str, images: str) -> None:
    place = f"images/images/{broken}" if images == "full" else "resized/resized"
    (item,) = opened(kaggle(tmp_path, f"{place}/{broken}_12.jpg"), images=images).items
    assert (item.id, item.artist, item.genre) == ("Albrecht_Dürer_12", "Albrecht Dürer", "Northern Renaissance")
    assert item.path.is_file()


def test_durers_second_folder_is_left_out_where_its_files_are_the_same(tmp_path: Path) -> None:
    first, second = (f"images/images/{name}/{name}_1.jpg" for name in BROKEN[:2])
    alone = f"images/images/{BROKEN[1]}/{BROKEN[1]}_2.jpg"
    root = kaggle(tmp_path, first, second, alone)
    (root / second).write_bytes((root / first).read_bytes())
    catalogue = opened(root, artists=["albrecht durer"])
    assert ids(catalogue) == ["Albrecht_Dürer_1", "Albrecht_Dürer_2"]
    assert catalogue.notes == (f"Left out 1 file that repeat others, in images/images/{BROKEN[1]}.",)


def test_a_well_spelled_name_comes_before_a_broken_one(tmp_path: Path) -> None:
    good, bad = (f"images/images/{name}/{name}_1.jpg" for name in ("Albrecht_Dürer", BROKEN[0]))
    root = kaggle(tmp_path, good, bad)
    (root / bad).write_bytes((root / good).read_bytes())
    assert [item.path for item in opened(root).items] == [root / good]


def test_different_files_of_one_name_are_both_kept_under_ids_of_their_own(tmp_path: Path) -> None:
    root = kaggle(tmp_path, *(f"images/images/{name}/{name}_1.jpg" for name in ("Albrecht_Dürer", *BROKEN)))
    found = opened(root, artists=["Albrecht Dürer"])
    assert len(set(ids(found))) == 4
    assert ids(found)[0] == "Albrecht_Dürer_1"
    assert all(identity.startswith("Albrecht_Dürer_1-") for identity in ids(found)[1:])
    assert ids(found) == ids(opened(root, artists=["Albrecht Dürer"]))
    assert found.notes == ()


def test_artists_without_images_and_folders_without_a_row_are_noted(tmp_path: Path) -> None:
    catalogue = opened(kaggle(tmp_path, GOGH, "images/images/Katsushika_Hokusai/wave.jpg"))
    assert catalogue.notes == (
        "No images of 3 artists of artists.csv: Vasiliy Kandinskiy, Albrecht Dürer, El Greco.",
        "No row in artists.csv for 1 artist with images, which have no genre, nationality and licence: "
        "Katsushika Hokusai.",
    )
    added = catalogue.by_id()["Katsushika_Hokusai/wave"]
    assert (added.artist, added.genre, added.license, added.source_url) == ("Katsushika Hokusai", None, None, None)


def test_files_that_belong_to_no_artist_are_noted_and_left_out(tmp_path: Path) -> None:
    strays = ["images/images/loose.jpg", "images/images/Vincent_van_Gogh/deep/x.jpg", "images/list.txt",
              "images/images/Vincent_van_Gogh/notes.txt"]  # fmt: skip
    catalogue = opened(kaggle(tmp_path, GOGH, *strays, "images/images/.DS_Store"), artists=["Vincent van Gogh"])
    assert ids(catalogue) == ["Vincent_van_Gogh_1"]
    assert catalogue.notes == (
        "Left out 4 files where no painting belongs: images/images/Vincent_van_Gogh/deep, "
        "images/images/Vincent_van_Gogh/notes.txt, images/images/loose.jpg, images/list.txt.",
    )


def test_litter_is_counted_and_a_folder_that_cannot_be_read_is_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = kaggle(
        tmp_path,
        "images/images/Albrecht_Dürer/Albrecht_Dürer_1.jpg",
        "images/images/Albrecht_Dürer/Thumbs.db",
        "images/images/Albrecht_Dürer/.hidden.jpg",
        "images/images/El_Greco/El_Greco_1.jpg",
        "images/images/@eaDir/El_Greco_1.jpg/SYNOPHOTO_THUMB_M.jpg",
    )
    closed = root / "images" / "images" / "El_Greco"
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(closed))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = opened(root)
    assert ids(found) == ["Albrecht_Dürer_1"]
    assert count_by_reason(found) == {"hidden": 1, "system": 2, "unreadable folders": 1}
    assert found.unreadable == (f"The folder {closed} cannot be read: Permission denied.",)
    closed = root / "images" / "images"
    with pytest.raises(SourceError, match="images cannot be read: Permission denied"):
        opened(root)


def test_resized_files_that_name_no_artist_are_noted(tmp_path: Path) -> None:
    root = kaggle(tmp_path, "resized/resized/El_Greco_1.jpg", "resized/resized/1.jpg", "resized/resized/El_Greco_2.txt")
    catalogue = opened(root, images="resized", artists=["El Greco"])
    assert ids(catalogue) == ["El_Greco_1"]
    assert catalogue.notes == (
        "Left out 2 files where no painting belongs: resized/resized/1.jpg, resized/resized/El_Greco_2.txt.",
    )


def test_a_truncated_painting_and_a_link_to_nowhere_are_items_to_be_reported_later(tmp_path: Path) -> None:
    root = kaggle(tmp_path, GOGH)
    (root / GOGH).write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    (root / GOGH).with_name("Vincent_van_Gogh_2.jpg").symlink_to(tmp_path / "gone.jpg")
    assert ids(opened(root)) == ["Vincent_van_Gogh_1", "Vincent_van_Gogh_2"]


def test_a_link_in_a_circle_is_noted_or_reported_later(tmp_path: Path) -> None:
    root = kaggle(tmp_path, GOGH)
    folder = root / "images" / "images"
    for link in (folder / "circle", folder / "Vincent_van_Gogh" / "Vincent_van_Gogh_9.jpg"):
        link.symlink_to(link.name)
    catalogue = opened(root)
    assert "Vincent_van_Gogh_9" in [item.id for item in catalogue.items]
    assert any("where no painting belongs: images/images/circle." in note for note in catalogue.notes)


@pytest.mark.parametrize(
    ("options", "artists"),
    [
        ({"artists": ["vincent_van_gogh", "ALBRECHT DURER"]}, {"Vincent van Gogh", "Albrecht Dürer"}),
        ({"genres": ["abstractionism", "post impressionism"]}, {"Vincent van Gogh", "Vasiliy Kandinskiy"}),
        ({"nationalities": ["greek"]}, {"El Greco"}),
        ({"genres": ["Mannerism", "Post-Impressionism"], "nationalities": ["Dutch"]}, {"Vincent van Gogh"}),
    ],
)
def test_artists_are_chosen_by_name_genre_and_nation_however_spelled(
    tmp_path: Path, options: dict[str, object], artists: set[str]
) -> None:
    names = ("Vincent_van_Gogh", "Vasiliy_Kandinskiy", BROKEN[0], "El_Greco")
    root = kaggle(tmp_path, *(f"images/images/{name}/{name}_1.jpg" for name in names))
    catalogue = opened(root, **options)
    assert {item.artist for item in catalogue.items} == artists
    assert catalogue.notes == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"artists": ["van gogh"]}, r"style\.artists: the dataset has no 'van gogh' \(did you mean 'Vincent van Gogh'"),
        ({"artists": ["Vasily Kandinsky"]}, r"\(did you mean 'Vasiliy Kandinskiy'\?\)"),
        ({"genres": ["Expresionism"]}, r"style\.genres: .*'Expresionism' \(did you mean 'Expressionism'\?\)"),
        ({"nationalities": ["Dutsch", "Xx"]}, r"nationalities: .*'Dutsch' \(did you mean 'Dutch'\?\), 'Xx'\.$"),
        ({"artists": ["El Greco"], "genres": ["Post-Impressionism"]}, "no artist fits artists and genres together"),
    ],
)
def test_what_the_dataset_does_not_have_is_refused_with_the_nearest(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        opened(kaggle(tmp_path, GOGH), **options)


def test_a_dataset_that_is_not_there_is_told_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    remedy = rf"`nst download artworks --output '{root}'`, or set style\.download: true"
    with pytest.raises(SourceError, match=rf"there is no table of artists .*artists\.csv: .*{remedy}"):
        opened(root)
    kaggle(root)
    with pytest.raises(SourceError, match=rf"there is no folder .*images: .*{remedy}"):
        opened(root)
    kaggle(root, "resized/resized/El_Greco_1.jpg", GOGH)
    with pytest.raises(SourceError, match=rf"images holds no image by El Greco: .*{remedy}"):
        opened(root, artists=["El Greco"])


def test_years_have_one_dash_and_cells_several_values(tmp_path: Path) -> None:
    gogh, kandinsky, _, greco = read_artist_table(kaggle(tmp_path) / "artists.csv")[0]
    assert gogh == ArtistRow("Vincent van Gogh", "1853–1890", ("Post-Impressionism",), ("Dutch",))
    assert (kandinsky.years, kandinsky.genres) == ("1866–1944", ("Expressionism", "Abstractionism"))
    assert greco.nationalities == ("Spanish", "Greek")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_in_whatever_form_a_spreadsheet_left_it(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    lines = (" Name ,years,Genre,nationality", "Albrecht Dürer,1471 – 1528,X,German", ",,,")
    (tmp_path / "a.csv").write_bytes(end.join(lines).replace(",", separator).encode(encoding))
    assert read_artist_table(tmp_path / "a.csv")[0] == [ArtistRow("Albrecht Dürer", "1471–1528", ("X",), ("German",))]


def test_rows_without_a_name_and_artists_named_twice_are_noted(tmp_path: Path) -> None:
    table = TABLE + "9,,1900 - 1950,Cubism,French,,,3\n10,vincent van gogh,,,,,,\n"
    artists, notes = read_artist_table(kaggle(tmp_path, table=table) / "artists.csv")
    assert len(artists) == 4
    assert notes == [
        "artists.csv: without a name, left out: row 6.",
        "artists.csv: named before, left out: vincent van gogh (row 7).",
    ]
    assert set(notes) < set(opened(kaggle(tmp_path, GOGH, table=table)).notes)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            "id,name,years,bio\n0,X,1,b\n",
            r"lacks the columns 'genre', 'nationality'; it has 'id', 'name', ",
        ),
        ("name,years,genre\n", "lacks the column 'nationality'"),
        ("", "it is empty"),
        (HEADER, "names no artist"),
        (HEADER + "0,,,,,,,\n", "names no artist"),
    ],
)
def test_a_table_that_cannot_be_used_is_told(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        opened(kaggle(tmp_path, GOGH, table=table))


@pytest.mark.parametrize("images", ["full", "resized"])
def test_the_real_copies_open(shared: Path, images: str) -> None:
    catalogue = opened(shared / "data" / "artworks", images=images)
    assert ids(catalogue) == [
        "Edvard_Munch_1", "Henri_Matisse_1", "Vincent_van_Gogh_1", "Vincent_van_Gogh_2", "William_Turner_1",
    ]  # fmt: skip
    assert [item.genre for item in catalogue.items][:2] == [
        "Symbolism, Expressionism", "Impressionism, Post-Impressionism",
    ]  # fmt: skip
    assert catalogue.notes[0].startswith("No images of 46 artists of artists.csv: Amedeo Modigliani, ")
    assert len(catalogue.notes) == 1


def test_the_real_table_has_fifty_artists_with_years(shared: Path) -> None:
    rows = read_artist_table(shared / "data" / "artworks" / "artists.csv")[0]
    assert len(rows) == len({spelling_key(row.name) for row in rows}) == 50
    assert all(row.years and "–" in row.years and " " not in row.years for row in rows)


@pytest.mark.parametrize("broken", BROKEN)
def test_durer_is_repaired(broken: str) -> None:
    assert repair_encoding(broken) == "Albrecht_Dürer"


WORDS = st.from_regex(r"[A-Z][a-z]{0,4}([éüöñçøåЖλ北🎨][a-z_]{1,4}){1,3}", fullmatch=True)


@given(WORDS, st.lists(st.sampled_from(["cp437", "cp850"]), max_size=2), st.sampled_from(["NFC", "NFD"]))
def test_any_name_broken_once_or_twice_comes_back(name: str, codecs: list[str], form: str) -> None:
    broken = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    for codec in codecs:
        broken = broken.encode().decode(codec)
    assert repair_encoding(broken) == unicodedata.normalize("NFC", name)


@given(st.text())
def test_repairing_ends_and_does_nothing_more_a_second_time(name: str) -> None:
    assert repair_encoding(repair_encoding(name)) == repair_encoding(name)


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_names_are_never_touched(name: str) -> None:
    assert repair_encoding(name) == name


def test_the_nearest_name_is_one_that_contains_the_word_or_else_the_most_alike() -> None:
    names = ["Claude Monet", "Edouard Manet", "Henri de Toulouse-Lautrec"]
    assert suggest_name("manet", names) == " (did you mean 'Edouard Manet'?)"
    assert suggest_name("toulouse lautrec", names) == " (did you mean 'Henri de Toulouse-Lautrec'?)"
    assert suggest_name("Claud Monet", names) == " (did you mean 'Claude Monet'?)"
    assert suggest_name("Hokusai", names) == ""
