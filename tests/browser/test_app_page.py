"""The page of `nst app` in a real browser, with the real server behind it."""

from __future__ import annotations

import signal
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from app_process import AppProcess
from browsing import accessibility_faults

Open = Callable[..., Any]

MINUTE = 60_000  # milliseconds


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Iterator[AppProcess]:
    """One server for the tests of this file; each test is a new person."""
    server = AppProcess(tmp_path_factory.mktemp("app"))
    server.write(make_image)
    server.start("--upload-mb", 2)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """A folder with `photograph.png` and `painting.png`."""
    folder = tmp_path_factory.mktemp("pictures")
    make_image(folder / "photograph.png", 160, 120, seed=21)
    make_image(folder / "painting.png", 120, 120, seed=22)
    return folder


def upload(page: Any, input: str, file: Path | dict[str, Any]) -> None:
    page.locator(f"#{input} input[type=file]").set_input_files(file)


def fill(page: Any, pictures: Path) -> None:
    """Both inputs, by upload."""
    upload(page, "content", pictures / "photograph.png")
    upload(page, "style", pictures / "painting.png")
    page.locator("#start.ready").wait_for()


def await_state(page: Any, state: str) -> None:
    page.locator(f".result[data-state={state}]").wait_for(timeout=2 * MINUTE)


def stylize(page: Any, pictures: Path) -> None:
    fill(page, pictures)
    page.get_by_role("button", name="Stylize").click()


def text(page: Any, selector: str) -> str:
    return str(page.locator(selector).inner_text())


def test_two_uploads_become_a_picture_that_forms_before_ones_eyes(
    app: AppProcess, pictures: Path, open_page: Open
) -> None:
    page = open_page(app.address)
    stylize(page, pictures)
    await_state(page, "running")
    seen: list[str] = []
    while page.locator(".result").get_attribute("data-state") == "running":
        newest = page.locator(".forming img").last.get_attribute("src", timeout=MINUTE)
        seen += [newest] if newest not in seen else []
        page.wait_for_timeout(50)
    assert len([address for address in seen if "preview" in address]) >= 2
    await_state(page, "done")
    page.locator(".finished").wait_for()
    assert page.locator(".finished .after").evaluate("image => image.naturalWidth") == 64
    assert "photograph.png in the manner of painting.png" in text(page, ".caption")
    assert page.locator(".curve path").get_attribute("d").count("L") >= 3
    result = page.request.get(app.address.rstrip("/") + page.locator(".download").get_attribute("href"))
    assert result.ok
    assert "attachment" in result.headers["content-disposition"]


def test_a_picture_made_here_is_a_row_of_the_run_and_stands_in_its_gallery(
    app: AppProcess, pictures: Path, open_page: Open
) -> None:
    page = open_page(app.address)
    stylize(page, pictures)
    await_state(page, "done")
    link = page.locator(".open").get_attribute("href")
    job = page.request.get(f"{app.address}api/jobs").json()["items"][0]
    rows = pd.read_parquet(app.output / "results").set_index("pair_id")
    assert rows.loc[job["pair_id"], "status"] == "success"
    assert (app.output / rows.loc[job["pair_id"], "file_name"]).is_file()
    expect_in_gallery(page, app.address.rstrip("/") + link, job["pair_id"])


def expect_in_gallery(page: Any, address: str, pair_id: str) -> None:
    """The gallery is built a moment after the picture."""
    for _ in range(120):
        answer = page.request.get(address.split("#")[0])
        if answer.ok and pair_id in answer.text():
            page.goto(address)
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"{pair_id} is not in {address}")


def test_a_cancelled_picture_ends_where_it_is(app: AppProcess, pictures: Path, open_page: Open) -> None:
    page = open_page(app.address)
    stylize(page, pictures)
    await_state(page, "running")
    page.get_by_role("button", name="Cancel").click()
    await_state(page, "cancelled")
    assert text(page, ".result .message").startswith("Cancelled")
    assert page.evaluate("document.activeElement.id") == "result"  # the button is gone, the focus is not
    assert page.get_by_role("button", name="Again with other settings").is_visible()


def test_a_second_person_waits_and_gets_their_turn(app: AppProcess, pictures: Path, open_page: Open) -> None:
    first, second = open_page(app.address), open_page(app.address)
    stylize(first, pictures)
    await_state(first, "running")
    stylize(second, pictures)
    await_state(second, "queued")
    assert "next" in text(second, ".result .message")
    assert second.locator("#earlier li").count() == 1  # others' pictures are theirs
    first.get_by_role("button", name="Cancel").click()
    await_state(second, "running")
    await_state(second, "done")


def png_of(width: int, height: int) -> bytes:
    """A black picture of one bit per pixel, in a few bytes per thousand pixels."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", rows) + part(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("huge.png", png_of(20_000, 10_000), "megapixels"),
        ("notes.jpg", b"Dear diary, this is no picture.", "notes.jpg"),
        ("cut.png", png_of(64, 64)[:40], "cut.png"),
    ],
    ids=["200 megapixels", "a renamed text file", "a file that was cut off"],
)
def test_what_is_no_fit_picture_is_refused_with_a_sentence_at_its_input(
    app: AppProcess, open_page: Open, name: str, content: bytes, word: str
) -> None:
    page = open_page(app.address)
    page.watched.expected += ["status of 4"]
    upload(page, "content", {"name": name, "mimeType": "image/png", "buffer": content})
    page.locator("#content .fault:not(:empty)").wait_for()
    sentence = text(page, "#content .fault")
    assert word in sentence
    assert sentence.endswith(".")
    assert page.evaluate("document.activeElement.matches('#content .frame')")
    assert accessibility_faults(page) == []


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_gigabyte_is_refused_before_it_is_sent(app: AppProcess, open_page: Open, tmp_path: Path) -> None:
    page = open_page(app.address)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    upload(page, "style", sparse(tmp_path / "large.png", 1_000_000_000))
    page.locator("#style .fault:not(:empty)").wait_for()
    assert "2 MB" in text(page, "#style .fault")
    assert sent == []


def test_a_gigabyte_that_is_sent_is_refused_by_the_server(app: AppProcess, open_page: Open, tmp_path: Path) -> None:
    page = open_page("about:blank")
    page.watched.expected += ["status of 413", "api/uploads", "ERR_CONTENT_LENGTH_MISMATCH", "ERR_CONNECTION"]
    limit = f'"upload_bytes":{page.request.get(app.address + "api/options").json()["limits"]["upload_bytes"]}'

    def without_limit(route: Any) -> None:
        answer = route.fetch()
        assert limit in answer.text()
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        body = answer.text().replace(limit, '"upload_bytes":9000000000')
        route.fulfill(status=200, headers=headers, body=body)

    page.route(app.address, without_limit)
    page.goto(app.address)
    upload(page, "style", sparse(tmp_path / "large.png", 1_000_000_000))
    page.locator("#style .fault:not(:empty)").wait_for(timeout=MINUTE)
    assert "2 MB" in text(page, "#style .fault")


def test_the_inputs_can_be_filled_from_the_collections_by_keyboard_alone(app: AppProcess, open_page: Open) -> None:
    page = open_page(app.address)
    page.locator("#content .collection").focus()
    page.keyboard.press("Enter")
    page.locator("dialog[open] .tiles button").first.wait_for()
    assert accessibility_faults(page) == []
    page.locator(".tiles button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert "harbour" in text(page, "#content .chosen")
    assert page.evaluate("document.activeElement.matches('#content .collection')")
    page.locator("#style .collection").press("Enter")
    page.locator(".tiles button", has_text="Ada").press("Enter")
    page.locator(".tiles button", has_text="dusk").wait_for()
    page.locator(".tiles button", has_text="Any of these").press("Enter")
    assert text(page, "#style .chosen") == "Any painting by Ada"
    page.locator("#style .collection").press("Enter")
    page.keyboard.press("Escape")
    assert text(page, "#style .chosen") == "Any painting by Ada"


def test_an_artist_alone_is_enough(app: AppProcess, open_page: Open) -> None:
    page = open_page(app.address)
    page.locator("#content .strip button").first.click()
    page.locator("#style .collection").click()
    page.locator(".tiles button", has_text="Ada").click()
    page.locator(".tiles button", has_text="Any of these").click()
    page.get_by_role("button", name="Stylize").click()
    page.locator(".caption", has_text="Ada").wait_for()
    assert any(name in text(page, ".caption") for name in ("dawn", "dusk"))
    page.get_by_role("button", name="Cancel").click()
    await_state(page, "cancelled")


def test_a_search_finds_by_name(app: AppProcess, open_page: Open) -> None:
    page = open_page(app.address)
    page.locator("#content .collection").click()
    page.locator(".tiles button", has_text="bridge").wait_for()
    page.locator("dialog input").fill("harb")
    page.locator(".tiles button", has_text="bridge").wait_for(state="detached")
    page.locator(".tiles button", has_text="harbour").wait_for()
    assert page.locator(".tiles button").count() == 1
    page.locator("dialog input").fill("nothing like it")
    page.locator("dialog .message", has_text="Nothing of this name.").wait_for()


def test_a_recipe_that_cannot_run_here_cannot_be_chosen_and_says_why(app: AppProcess, open_page: Open) -> None:
    page = open_page(app.address)
    recipes = page.request.get(f"{app.address}api/options").json()["recipes"]
    chosen = page.locator("#recipe option").evaluate_all("all => all.map(one => [one.value, one.disabled])")
    assert dict(chosen) == {recipe["name"]: not recipe["available"] for recipe in recipes}
    told = page.locator("#unavailable").text_content()
    assert [recipe["name"] for recipe in recipes if recipe["reason"] and recipe["reason"] not in told] == []
    assert text(page, "#recipe-note") == recipes[0]["description"]


PUT = """([input, kind, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], "carried.png", { type: "image/png" }));
    const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
    (input ? document.querySelector(input) : document.body).dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_pictures_can_be_dropped_and_pasted(app: AppProcess, pictures: Path, open_page: Open, kind: str) -> None:
    page = open_page(app.address)
    picture = list((pictures / "photograph.png").read_bytes())
    page.evaluate(PUT, ["#style .frame", kind, picture] if kind == "drop" else [None, kind, picture])
    first = "#style" if kind == "drop" else "#content"  # pasted: where something is missing
    page.locator(f"{first} .chosen", has_text="carried.png").wait_for()
    page.evaluate(PUT, [None, kind, picture])
    page.locator("#start.ready").wait_for()


def test_without_pictures_it_says_what_is_missing(app: AppProcess, open_page: Open) -> None:
    page = open_page(app.address)
    page.get_by_role("button", name="Stylize").click()
    assert text(page, "#content .fault") == "Choose a photograph first."
    assert page.evaluate("document.activeElement.matches('#content .frame')")
    page.locator("#content .strip button").first.click()
    page.get_by_role("button", name="Stylize").click()
    assert text(page, "#style .fault") == "Choose a painting first."


HOSTILE = 'a "quoted" <script>throw 1</script> 🎨 شتاء & b.png'


def test_names_are_text_wherever_they_stand(app: AppProcess, pictures: Path, open_page: Open) -> None:
    page = open_page(app.address)
    picture = (pictures / "photograph.png").read_bytes()
    for input in ("content", "style"):
        upload(page, input, {"name": HOSTILE, "mimeType": "image/png", "buffer": picture})
    page.locator("#start.ready").wait_for()
    assert HOSTILE in text(page, "#content .chosen")
    page.get_by_role("button", name="Stylize").click()
    await_state(page, "done")
    assert text(page, ".caption") == f"{HOSTILE} in the manner of {HOSTILE}"
    job = page.request.get(f"{app.address}api/jobs").json()["items"][0]
    expect_in_gallery(page, app.address.rstrip("/") + job["gallery"], job["pair_id"])


def test_a_reload_comes_back_to_the_picture_and_it_can_be_made_again(
    app: AppProcess, pictures: Path, open_page: Open
) -> None:
    page = open_page(app.address)
    stylize(page, pictures)
    page.locator("#strength").fill("90")
    await_state(page, "done")
    page.reload()
    await_state(page, "done")
    page.get_by_role("button", name="Again with other settings").click()
    assert "photograph.png" in text(page, "#content .chosen")
    assert page.evaluate("document.activeElement.id") == "strength"
    page.locator("#strength").fill("100")
    assert text(page, ".strength output") == "all style"
    page.get_by_role("button", name="Stylize").click()
    page.locator("#earlier li").nth(1).wait_for()
    await_state(page, "done")
    assert page.request.get(f"{app.address}api/jobs").json()["items"][0]["strength"] == 100


def test_the_slider_shows_more_or_less_of_the_photograph_by_keyboard(
    app: AppProcess, pictures: Path, open_page: Open
) -> None:
    page = open_page(app.address)
    stylize(page, pictures)
    await_state(page, "done")
    page.locator(".finished:not(.opening) .compare input").wait_for()
    page.locator(".compare input").focus()
    page.keyboard.press("End")
    assert page.locator(".compare").evaluate("e => getComputedStyle(e).getPropertyValue('--at')") == "100%"


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desktop light", "phone dark"])
def test_the_page_is_accessible_in_each_of_its_states(
    app: AppProcess, pictures: Path, open_page: Open, phone: bool, dark: bool
) -> None:
    page = open_page(app.address, phone=phone, dark=dark)
    page.locator("#style .strip button").first.wait_for()
    faults = {"empty": accessibility_faults(page)}
    page.locator("#style .collection").click()
    page.locator(".tiles button", has_text="Ada").click()
    page.locator(".tiles button", has_text="dusk").wait_for()
    faults["dialog"] = accessibility_faults(page)
    page.locator("dialog .close").click()
    stylize(page, pictures)
    await_state(page, "running")
    faults["running"] = accessibility_faults(page)
    await_state(page, "done")
    faults["done"] = accessibility_faults(page)
    assert faults == {state: [] for state in ("empty", "dialog", "running", "done")}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_a_server_that_goes_is_missed_and_found_again(
    tmp_path: Path, make_image: Callable[..., Path], pictures: Path, open_page: Open
) -> None:
    server = AppProcess(tmp_path)
    server.write(make_image, evaluations=2000)
    server.start()
    try:
        page = open_page(server.address)
        page.watched.expected += ["ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "request failed", "status of 404"]
        stylize(page, pictures)
        await_state(page, "running")
        server.stop(signal.SIGKILL)
        page.locator(".result .fault", has_text="does not answer").wait_for()
        server.start()
        page.locator(".result .fault", has_text="no longer knows this picture").wait_for(timeout=MINUTE)
        assert page.locator("#earlier li").count() == 0
    finally:
        server.stop()
