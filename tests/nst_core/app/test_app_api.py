"""The API of the app, asked as its page asks it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from running_app import FINAL, Running, await_state, pick, png, start, until, upload

from nst_core.app.recipe_options import pair_strength
from nst_core.recipes import load_recipe, recipe_names
from nst_core.run_folder.verify.verification import verify

Make = Callable[..., Path]


def rows(app: Running) -> pd.DataFrame:
    return pd.read_parquet(app.root / "results").set_index("pair_id")


def test_two_uploads_become_a_picture_a_row_and_a_place_in_the_gallery(
    app: Running, make_image: Make, tmp_path: Path
) -> None:
    person = app.person()
    content, style = (upload(person, png(make_image, tmp_path, seed)) for seed in (1, 2))
    job = start(person, content={"upload": content}, style={"upload": style}, size=40, strength=75)
    done = await_state(person, job, *FINAL)
    assert (done["state"], done["error"]) == ("done", None)
    image = person.get(done["result"])
    assert Image.open(io.BytesIO(image.content)).size == (40, 32)
    row = rows(app).loc[done["pair_id"]]
    assert (row.status, row.method, row["size"], row.x_strength) == ("success", "wavelet", 40, "75")
    assert row.alpha == pytest.approx(load_recipe("wavelet").alpha / 3)
    assert (app.root / row.file_name).read_bytes() == image.content
    assert Path(row.content_path).relative_to(app.root).parts[0] == "inputs"
    assert row.x_content_name == "picture.png"
    address, _, anchor = done["gallery"].partition("#")
    until(lambda: anchor.removeprefix("pair-") in person.get(address).text)


def test_what_is_made_makes_a_sound_run_folder(app: Running) -> None:
    person = app.person()
    await_state(person, start(person), "done")

    def sound() -> bool:  # once the summary is written anew
        return verify(app.root).sound

    until(sound)


def test_a_download_has_a_file_name(app: Running) -> None:
    person = app.person()
    done = await_state(person, start(person), "done")
    told = person.get(done["result"], params={"download": 1}).headers["content-disposition"]
    assert told.startswith("attachment; filename=")
    assert "content-disposition" not in person.get(done["result"]).headers


def test_events_tell_the_whole_way_and_end_with_it(app: Running) -> None:
    person = app.person()
    job = start(person)
    with person.stream("GET", f"/api/jobs/{job['id']}/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        told = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    assert told[-1]["state"] == "done"
    assert told[-1]["evaluations"] == told[-1]["total"] == 4
    points = [point for point, _ in told[-1]["trace"]]
    assert points == sorted(points)
    assert points[0] == 0
    assert {one["id"] for one in told} == {job["id"]}


def test_a_preview_is_a_jpeg_at_the_size_of_the_work(app: Running) -> None:
    person = app.person()
    done = await_state(person, start(person, size=40), "done")
    preview = person.get(done["preview"])
    assert preview.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(preview.content)).size) == 40


def test_an_artist_means_one_of_that_artists_paintings(app: Running) -> None:
    person = app.person()
    artists = {artist["name"]: artist for artist in person.get("/api/artists").json()["items"]}
    assert {name: artist["styles"] for name, artist in artists.items()} == {"Ada": 2, "Bo": 1}
    job = start(person, style={"artist": artists["Bo"]["id"]})
    assert (job["style"]["artist"], job["style"]["name"]) == ("Bo", "noon")


def test_contents_and_styles_are_found_by_words_and_pages(app: Running) -> None:
    person = app.person()
    assert person.get("/api/contents", params={"q": "KITTEN"}).json()["total"] == 1
    assert person.get("/api/styles", params={"q": "ada dusk"}).json()["items"][0]["name"] == "dusk"
    page = person.get("/api/styles", params={"offset": 1, "count": 1}).json()
    assert (len(page["items"]), page["total"]) == (1, 3)
    shown = person.get(page["items"][0]["thumbnail"])
    assert Image.open(io.BytesIO(shown.content)).format == "WEBP"


def test_options_list_every_recipe_and_why_one_cannot_run(app: Running) -> None:
    options = app.person().get("/api/options").json()
    assert {recipe["name"] for recipe in options["recipes"]} == set(recipe_names())
    assert options["default_recipe"] == options["recipes"][0]["name"] == "wavelet"
    for recipe in options["recipes"]:
        assert recipe["available"] == (recipe["reason"] is None)


def test_a_recipe_whose_weights_are_not_here_is_refused_with_the_reason(app: Running) -> None:
    person = app.person()
    away = [recipe for recipe in person.get("/api/options").json()["recipes"] if not recipe["available"]]
    if not away:
        pytest.skip("needs a machine that lacks some network's weights: here are all of them")
    asked = {"content": pick(person), "style": pick(person, "styles"), "recipe": away[0]["name"]}
    answer = person.post("/api/jobs", json=asked)
    assert answer.status_code == 422
    assert away[0]["reason"] in answer.json()["error"]


def test_the_same_picture_asked_for_twice_is_made_twice(app: Running) -> None:
    person = app.person()
    content, style = pick(person), pick(person, "styles")
    ids = [await_state(person, start(person, content=content, style=style), "done")["pair_id"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert set(ids) <= set(rows(app).index)


def test_strength_goes_from_0_to_100_and_is_no_strength_in_the_middle() -> None:
    assert [pair_strength(strength) for strength in (0, 25, 50, 100)] == [0.0, 0.25, None, 1.0]


def test_at_strength_0_the_photograph_comes_back(app: Running, make_image: Make, tmp_path: Path) -> None:
    person = app.person()
    content, style = (upload(person, png(make_image, tmp_path, seed)) for seed in (1, 2))
    job = start(person, content={"upload": content}, style={"upload": style}, size=40, strength=0)
    done = await_state(person, job, *FINAL)
    assert (done["state"], done["error"], done["evaluations"]) == ("done", None, 0)
    assert rows(app).loc[done["pair_id"]].x_strength == "0"


def test_the_page_is_served_and_carries_its_options(app: Running) -> None:
    page = app.person().get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default_recipe" in page.text


def test_names_that_no_encoding_can_say_are_answered(app: Running) -> None:
    person = app.person()
    body = b'{"content": {"id": "\\ud800"}, "style": {"id": "x"}, "recipe": "\\ud800"}'
    answer = person.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "recipe" in answer.json()["error"]


def test_odd_file_names_are_told_as_they_are_and_never_become_paths(
    app: Running, make_image: Make, tmp_path: Path
) -> None:
    person = app.person()
    name = '../../<script>"quotes" 🎨 عربي.png'
    _, data = png(make_image, tmp_path)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.replace('"', "%22").encode()
        + b'"\r\n\r\n'
        + data
        + b"\r\n--x--\r\n"
    )
    answer = person.post("/api/uploads", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 201
    kept = answer.json()
    assert "<script>" in kept["name"]
    done = await_state(person, start(person, content={"upload": kept["id"]}), "done")
    assert done["content"]["name"] == kept["name"]
    inputs = [path for path in (app.root / "inputs").rglob("*") if path.is_file()]
    assert all(path.resolve().is_relative_to(app.root.resolve() / "inputs") for path in inputs)
    assert all(str(path.relative_to(app.root)).isascii() for path in inputs)
