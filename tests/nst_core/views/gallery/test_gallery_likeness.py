"""What looks alike in a gallery: named beside the pages, on a map, and only where pictures are described."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from described import ANGLES, angles, describe, described, exhibit, hashed, three_artists
from exhibits import HOSTILE, Page, check_links, files, new_run, script_data, write_results

from nst_core.storage.slugs import artist_slug
from nst_core.views.gallery import build_gallery


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return three_artists(tmp_path / "run")


def named(gallery: Path, artist: str, part: int, key: str) -> tuple[list[str], list[str]]:
    """The results and the paintings that are named as like one: `<artist>/<name>/<style>` and `<artist>/<name>`."""
    told = script_data(gallery / artist / f"alike-{part}.js")
    results, paintings = told["of"][key]
    slug = [slug for slug, _ in told["artists"]]
    return (
        [f"{slug[e[0]]}/{e[2]}/{e[5]}" for e in (told["results"][place] for place in results)],
        [f"{slug[e[0]]}/{e[2]}" for e in (told["paintings"][place] for place in paintings)],
    )


def pair_id(run: Path, artist: str, name: str) -> str:
    return identity(run / "gallery", artist, name)


def identity(gallery: Path, artist: str, name: str) -> str:
    """The id of the result that is called `<content>/<style>`."""
    items = script_data(gallery / artist / "items.js")
    styles = [items["tables"]["style"][style]["name"] for style in items["style"]]
    return str(items["ids"][[*zip(items["names"], styles, strict=True)].index(tuple(name.split("/")))])  # type: ignore[arg-type]


def test_without_descriptors_a_gallery_is_as_it_always_was(run: Path) -> None:
    build_gallery([run])
    gallery = run / "gallery"
    assert sorted(path.name for path in gallery.iterdir()) == ["ada", "bo", "cy", "index.html", "thumbs"]
    assert sorted(path.name for path in (gallery / "ada").iterdir()) == [
        "details-1.js", "index.html", "items.js", "made.json",
    ]  # fmt: skip
    for page in (gallery / "index.html", gallery / "ada" / "index.html"):
        assert 'class="alike' not in page.read_text("utf-8")
        assert "map.html" not in page.read_text("utf-8")


def test_a_result_names_the_results_and_paintings_that_are_nearest(run: Path) -> None:
    build_gallery([described(run)])
    gallery = run / "gallery"
    results, paintings = named(gallery, "ada", 1, pair_id(run, "ada", "x/ada 1"))
    assert results[:2] == ["ada/y/ada 1", "ada/z/ada 1"], "those of its own painting are nearest"
    assert results[2:5] == ["ada/x/ada 2", "ada/y/ada 2", "ada/z/ada 2"]
    assert len(results) == 8
    assert not [name for name in results[5:] if name.startswith("ada/")]
    assert paintings[:3] == ["ada/ada 2", "bo/bo 1", "bo/bo 2"]
    assert sorted(paintings[3:]) == ["cy/cy 1", "cy/cy 2"]


def test_a_painting_names_other_paintings_and_results_of_others(run: Path) -> None:
    build_gallery([described(run)])
    results, paintings = named(run / "gallery", "bo", 0, "bo 1")
    assert paintings[:2] == ["bo/bo 2", "ada/ada 2"]
    assert "bo/bo 1" not in paintings
    assert results[:3] == ["bo/x/bo 2", "bo/y/bo 2", "bo/z/bo 2"]
    assert not [name for name in results if name.endswith("/bo 1")]


def test_what_is_not_described_names_nothing_and_is_not_named(run: Path) -> None:
    for artist in ("ada", "bo"):
        describe(run, {key: angle for key, angle in angles(artist, "xyz").items() if "z--" not in key})
    build_gallery([run])
    told = script_data(run / "gallery" / "ada" / "alike-1.js")
    assert pair_id(run, "ada", "z/ada 1") not in told["of"]
    assert pair_id(run, "ada", "y/ada 1") in told["of"]
    assert {entry[2] for entry in told["results"]} == {"x", "y"}
    assert script_data(run / "gallery" / "cy" / "alike-1.js")["of"] == {}


def test_a_blend_is_of_all_its_paintings(run: Path) -> None:
    blend = exhibit(run, "ada", "w")
    other = run.parent / "sources" / "bo 1.png"
    blend |= {"style_path": f"{blend['style_path']}@0.5;{other}@0.5"}
    write_results(run, "ada", [hashed(blend, "blend", "ada 1;bo 1")], part="1")
    describe(described(run), {"blend": 10})
    build_gallery([run])
    _, paintings = named(run / "gallery", "ada", 1, pair_id_of_blend(run))
    assert paintings[0] in ("ada/ada 2", "bo/bo 2")
    assert not {"ada/ada 1", "bo/bo 1"} & set(paintings)
    results, _ = named(run / "gallery", "bo", 0, "bo 1")
    assert not [name for name in results if name.startswith("ada/w/")]


def pair_id_of_blend(run: Path) -> str:
    items = script_data(run / "gallery" / "ada" / "items.js")
    return str(items["ids"][items["names"].index("w")])


def test_the_map_has_every_artist_and_says_the_same_as_a_list(run: Path) -> None:
    build_gallery([described(run)])
    page = Page(run / "gallery" / "map.html")
    assert "map.html" in Page(run / "gallery" / "index.html").addresses
    for text in ("3 artists", "6 paintings", "drawn by PCA", "ada 2 paintings; most like: bo , cy"):
        assert text in page.text
    assert {f"{artist}/index.html" for artist in ANGLES} <= set(page.addresses)
    assert len([image for image in page.every("img") if image["alt"]]) == 6
    check_links(run / "gallery", run)


def test_one_artist_or_two_paintings_make_no_map(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    write_results(run, "ada", [exhibit(run, "ada", "x", number) for number in (1, 2, 3)])
    describe(run, angles("ada", "x", (1, 2, 3)))
    build_gallery([run])
    assert not (run / "gallery" / "map.html").exists()
    assert "map.html" not in (run / "gallery" / "index.html").read_text("utf-8")
    assert (run / "gallery" / "ada" / "alike-1.js").is_file()


def test_only_what_changed_is_made_again(run: Path) -> None:
    build_gallery([described(run)])
    before = files(run / "gallery")
    build_gallery([run])
    assert files(run / "gallery") == before
    write_results(run, "cy", [exhibit(run, "cy", "w")], part="1")
    describe(run, {"images/w--cy-1.png": 8})
    build_gallery([run])
    after = files(run / "gallery")
    pages = [name for name in before if name.startswith("ada/") and "alike" not in name]
    assert {name: after[name] for name in pages} == {name: before[name] for name in pages}
    assert after["ada/alike-1.js"] != before["ada/alike-1.js"], "another artist has a picture like those of this one"
    assert "cy/w/cy 1" in named(run / "gallery", "ada", 1, pair_id(run, "ada", "x/ada 1"))[0]


def test_a_script_that_is_gone_is_made_again(run: Path) -> None:
    build_gallery([described(run)])
    whole = {name: (run / "gallery" / name).read_bytes() for name in files(run / "gallery") if name.endswith("js")}
    for name in ("ada/alike-1.js", "bo/alike-0.js"):
        (run / "gallery" / name).unlink()
    build_gallery([run])
    assert {name: (run / "gallery" / name).read_bytes() for name in whole} == whole


def test_without_its_descriptors_a_gallery_becomes_what_it_was(run: Path) -> None:
    build_gallery([run])
    plain = {name: (run / "gallery" / name).read_bytes() for name in files(run / "gallery")}
    build_gallery([described(run)])
    assert (run / "gallery" / "map.html").is_file()
    shutil.rmtree(run / "descriptors")
    build_gallery([run])
    assert {name: (run / "gallery" / name).read_bytes() for name in files(run / "gallery")} == plain


def test_an_artist_that_is_gone_takes_its_scripts_along(run: Path) -> None:
    build_gallery([described(run)])
    shutil.rmtree(run / "results" / "artist_slug=cy")
    build_gallery([run])
    assert not (run / "gallery" / "cy").exists()
    assert "cy" not in Page(run / "gallery" / "map.html").text


def test_pages_of_several_runs_name_each_others_pictures(run: Path, tmp_path: Path) -> None:
    other = new_run(tmp_path / "other", "Night")
    write_results(other, "dee", [exhibit(other, "dee", "n")])
    describe(other, {"dee 1": 12, "images/n--dee-1.png": 6})
    build_gallery([described(run), other], tmp_path / "both")
    results, _ = named(tmp_path / "both", "ada", 1, identity(tmp_path / "both", "ada", "x/ada 1"))
    assert results[0] == "dee/n/dee 1"
    check_links(tmp_path / "both", tmp_path / "both")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(tmp_path: Path, name: str) -> None:
    run = new_run(tmp_path / "run")
    slugs = [artist_slug(one) for one in (name, "Bo")]
    for slug, artist in zip(slugs, (name, "Bo"), strict=True):
        rows = [exhibit(run, "ada", content, number) | {"artist": artist} for content in "xy" for number in (1, 2)]
        made = [hashed(one, f"{slug} {i}", f"{slug} {i % 2}") for i, one in enumerate(rows)]
        write_results(run, slug, made)
        describe(run, {f"{slug} {i}": 10.0 * i for i in range(4)})
    build_gallery([run])
    page = Page(run / "gallery" / "map.html")
    assert " ".join(name.split()) in page.text
    assert "<script>alert(1)</script>" not in (run / "gallery" / "map.html").read_text("utf-8")
    assert name in [artist for _, artist in script_data(run / "gallery" / slugs[1] / "alike-1.js")["artists"]]
    check_links(run / "gallery", run)
