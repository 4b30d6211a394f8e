"""What a run folder keeps of its artists, and what becomes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from finished import finished_run
from planned import pair, plan, success

from nst_core.config.run_config import parse_config
from nst_core.config.sources import ArtworksSource
from nst_core.plan.wanted import collect_artist_facts, wanted_pairs
from nst_core.run_folder.artists import ARTISTS_FILE, ArtistFacts, artist_facts, record_artist_facts
from nst_core.run_folder.card import write_card
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.results import chunk_file, write_results
from nst_core.run_folder.summary import summarize
from nst_core.run_folder.verify.verification import verify
from nst_core.sources.base import Item
from nst_core.sources.registry import open_source

VINCENT = ArtistFacts("1853–1890", "Post-Impressionism", "Dutch")


def work(artist: str | None, **facts: str) -> Item:
    return Item(f"{artist}/{len(facts)}.jpg", Path("x.jpg"), artist=artist, **facts)


def asked_artists(folder: Path, **style: object) -> dict[str, ArtistFacts]:
    """What a run of every artist learns of them."""
    sections = {"content": str(folder / "photos"), "style": style, "pairing": "artist", "method": {"size": 32}}
    return dict(wanted_pairs(parse_config(sections), "0" * 64).artists)


def test_what_is_recorded_is_read_again_and_sorted(tmp_path: Path) -> None:
    record_artist_facts(tmp_path, {"Vincent van Gogh": VINCENT, "Ada": ArtistFacts(genre="oil, print")})
    text = (tmp_path / ARTISTS_FILE).read_text("utf-8")
    assert text == (
        'artist,years,genre,nationality\nAda,,"oil, print",\nVincent van Gogh,1853–1890,Post-Impressionism,Dutch\n'
    )
    assert artist_facts(tmp_path) == {"Vincent van Gogh": VINCENT, "Ada": ArtistFacts(None, "oil, print", None)}


def test_a_later_run_adds_its_artists_and_leaves_the_others(tmp_path: Path) -> None:
    record_artist_facts(tmp_path, {"Vincent van Gogh": VINCENT, "Ada": ArtistFacts("1815–1852", "oil", None)})
    record_artist_facts(tmp_path, {"Bo": ArtistFacts(genre="ink"), "Ada": ArtistFacts(None, "print", "British")})
    assert artist_facts(tmp_path) == {
        "Ada": ArtistFacts("1815–1852", "oil", None),
        "Bo": ArtistFacts(genre="ink"),
        "Vincent van Gogh": VINCENT,
    }


def test_where_nothing_is_known_there_is_no_file_and_nothing_to_read(tmp_path: Path) -> None:
    record_artist_facts(tmp_path, {"Ada": ArtistFacts()})
    assert list(tmp_path.iterdir()) == []
    assert artist_facts(tmp_path) == {}


def test_hostile_names_come_back_as_they_were(tmp_path: Path) -> None:
    names = ['"><script>alert(1)</script>', "Söhne, AC/DC's", "🎨\nmère", "ابن سينا", "=1+1", "北斎"]
    record_artist_facts(tmp_path, dict.fromkeys(names, VINCENT))
    assert set(artist_facts(tmp_path)) == set(names)
    record_artist_facts(tmp_path, {"half \ud800": VINCENT})
    assert "half ?" in artist_facts(tmp_path)
    before = (tmp_path / ARTISTS_FILE).read_bytes()
    record_artist_facts(tmp_path, dict.fromkeys([*names, "half \ud800"], VINCENT))
    assert (tmp_path / ARTISTS_FILE).read_bytes() == before


def test_a_file_that_a_person_has_edited_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / ARTISTS_FILE).write_bytes(
        "\ufeffgenre,artist,mood\noil,Ada,calm\n,,\nprint\n,Bo,\n".encode() + b"ink,caf\xe9,x,y,z\n"
    )
    assert artist_facts(tmp_path) == {"Ada": ArtistFacts(genre="oil"), "caf\ufffd": ArtistFacts(genre="ink")}
    (tmp_path / ARTISTS_FILE).write_bytes(b"artist,genre\nAda,oil\nBo," + b"x" * 200_000 + b"\n")
    assert artist_facts(tmp_path) == {"Ada": ArtistFacts(genre="oil")}


def test_what_a_person_wrote_stays_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / ARTISTS_FILE
    edited = "\ufeffgenre,artist,mood\r\noil,Cy,calm\r\n\r\n,,\r\nprint,Ada,,extra\r\n,Bo".encode()
    file.write_bytes(edited)
    record_artist_facts(tmp_path, {"Ada": ArtistFacts("1815–1852"), "Bo": ArtistFacts(genre="ink"), "Al": VINCENT})
    assert file.read_bytes() == edited + b"\r\nPost-Impressionism,Al,\r\n"


def test_a_file_that_a_spreadsheet_saved_is_read_and_continued_in_its_manner(tmp_path: Path) -> None:
    told = b"sep=;\r\nartist;genre\r\nAda;oil\r\n"
    (tmp_path / ARTISTS_FILE).write_bytes(told)
    assert artist_facts(tmp_path) == {"Ada": ArtistFacts(genre="oil")}
    record_artist_facts(tmp_path, {"Bo": ArtistFacts(genre="ink"), "ADA": ArtistFacts(genre="ink")})
    assert (tmp_path / ARTISTS_FILE).read_bytes() == told + b"Bo;ink\r\n"


def test_facts_are_found_in_any_spelling(tmp_path: Path) -> None:
    (tmp_path / ARTISTS_FILE).write_text("artist,genre\nAlbrecht Du\u0308rer,oil\nClaude\u00a0Monet,air\n", "utf-8")
    facts = artist_facts(tmp_path)
    assert facts["Albrecht D\u00fcrer"] == facts.get("albrecht_d\u00fcrer") == ArtistFacts(genre="oil")
    assert facts.get("claude  monet") == ArtistFacts(genre="air")
    assert facts.get("Manet") is None


def test_a_file_that_says_all_that_is_known_keeps_its_bytes(tmp_path: Path) -> None:
    told = b'"artist" , "x",artist,genre\r\n"a","b","Ada",  "oil"\n\n'
    (tmp_path / ARTISTS_FILE).write_bytes(told)
    record_artist_facts(tmp_path, {"Ada": artist_facts(tmp_path)["Ada"]})
    assert (tmp_path / ARTISTS_FILE).read_bytes() == told


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (b"name;genre\nAda;oil\n", "no column `artist`"),
        ("artist,genre\nCézanne,oil\n".encode("cp1252"), "not UTF-8"),
        ("artist,genre\nAda,oil\n".encode("utf-16"), "not UTF-8"),
        (b"artist,genre\nAda,oil\nBo," + b"x" * 200_000 + b"\n", "row 3: a cell is longer than"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_left_alone_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, told: bytes, why: str
) -> None:
    (tmp_path / ARTISTS_FILE).write_bytes(told)
    record_artist_facts(tmp_path, {"Paul Cézanne": VINCENT})
    assert (tmp_path / ARTISTS_FILE).read_bytes() == told
    assert why in caplog.text


def test_an_artists_works_are_told_together_and_other_artists_not_at_all() -> None:
    items = [
        work("Ada", genre="oil, print"),
        work("Ada", genre="print, ink", nationality="British", years="1815–1852"),
        work("Bo", genre="oil"),
        work("Cy"),
        work(None, genre="oil"),
    ]
    assert collect_artist_facts(items, ["Ada", "Cy", None]) == {
        "Ada": ArtistFacts("1815–1852", "oil, print, ink", "British")
    }


def test_the_artworks_source_knows_years_genre_and_nationality(shared: Path) -> None:
    items = open_source(ArtworksSource(source="artworks", path=shared / "data" / "artworks"), "style").items
    assert collect_artist_facts(items, ["Vincent van Gogh"]) == {"Vincent van Gogh": VINCENT}


def test_a_folder_knows_what_its_metadata_say(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    make_image(tmp_path / "photos" / "a.png", 40, 40)
    for artist in ("Ada", "Bo"):
        make_image(tmp_path / "art" / artist / "1.png", 40, 40)
    (tmp_path / "art" / "metadata.csv").write_text("file_name,genre,years\nAda/1.png,oil,1815–1852\n", "utf-8")
    told = asked_artists(tmp_path, source="folder", path=str(tmp_path / "art"))
    assert told == {"Ada": ArtistFacts("1815–1852", "oil", None)}


@pytest.mark.slow  # they paint
def test_the_built_in_painters_have_genres(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    make_image(tmp_path / "photos" / "a.png", 40, 40)
    told = asked_artists(tmp_path, source="sample")
    assert len(told) == 6
    assert all(facts.genre for facts in told.values())


def test_a_run_folder_with_the_file_is_sound(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    folder = finished_run(tmp_path, make_image).run_folder
    record_artist_facts(folder, {"Ada": VINCENT})
    assert verify(folder).sound
    assert artist_facts(shutil.copytree(folder, tmp_path / "elsewhere")) == {"Ada": VINCENT}


def test_the_dataset_card_tells_the_facts(tmp_path: Path) -> None:
    rows = plan([pair(artist="Vincent van Gogh"), pair("b.jpg", artist="Bo")])
    for row in rows:
        write_results([success(row)], chunk_file(tmp_path, row.artist_slug, row.chunk_id))
    summary = summarize(tmp_path, Plan.of(rows))
    write_card(tmp_path, summary, {})
    assert "* Vincent van Gogh: 1\n" in (tmp_path / "README.md").read_text("utf-8")
    record_artist_facts(tmp_path, {"Vincent van Gogh": VINCENT})
    write_card(tmp_path, summary, {})
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "* Vincent van Gogh (1853–1890 · Post-Impressionism · Dutch): 1\n" in card
    assert "* Bo: 1\n" in card
    assert f"`{ARTISTS_FILE}`" in card
