"""What the app refuses: each with a sentence, a fitting status, and nothing left behind."""

from __future__ import annotations

import io
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from running_app import Running, await_state, pick, png, start, upload

from nst_core.app.limits import Limits
from nst_core.app.request_errors import RequestError
from nst_core.app.uploads import Uploads

Make = Callable[..., Path]


def sent(app: Running, name: str, data: bytes) -> tuple[int, dict[str, Any]]:
    answer = app.person().post("/api/uploads", files={"file": (name, data)})
    return answer.status_code, answer.json()


def uploads_of(app: Running) -> set[Path]:
    return set((app.root / ".uploads").iterdir())


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).convert(mode)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def empty_png(width: int, height: int) -> bytes:
    """The header of a picture, and pixels of nothing."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    lines = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", lines) + part(b"IEND", b"")


BAD = {
    "empty": (b"", 422, "empty"),
    "text.jpg": (b"These are words, not a picture.\n" * 20, 415, "text.jpg"),
    "cut.jpg": (encoded(picture(), "JPEG")[:900], 422, "ends before"),
    "dot.png": (encoded(picture(1, 1), "PNG"), 422, "1 x 1"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "drawing.svg"),
    "huge.png": (empty_png(20_000, 10_000), 413, "200 megapixels"),
    "heavy.png": (encoded(picture(500, 500), "PNG"), 413, "0.2 MB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_refused_with_a_sentence_and_nothing_of_it_stays(app: Running, name: str) -> None:
    data, status, words = BAD[name]
    before = uploads_of(app)
    found, answer = sent(app, name, data)
    assert found == status
    assert words in answer["error"]
    assert answer["error"].endswith(".")
    assert str(app.root) not in answer["error"]
    assert uploads_of(app) == before


GOOD = {
    "cmyk.jpg": encoded(picture(mode="CMYK"), "JPEG"),
    "sixteen.png": encoded(Image.fromarray(np.arange(2400, dtype=np.uint16).reshape(40, 60)), "PNG"),
    "alpha.png": encoded(picture(mode="RGBA"), "PNG"),
    "palette.gif": encoded(picture(mode="P"), "GIF"),
    "animated.gif": encoded(picture(), "GIF", save_all=True, append_images=[picture(mode="L")]),
    "picture.webp": encoded(picture(), "WEBP"),
    "picture.tif": encoded(picture(), "TIFF"),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_picture_that_the_pipeline_reads_is_taken(app: Running, name: str) -> None:
    status, answer = sent(app, name, GOOD[name])
    assert status == 201, answer
    assert (answer["width"], answer["height"]) == (60, 40)


def test_a_picture_that_a_camera_turned_stands_upright(app: Running) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    status, answer = sent(app, "turned.jpg", encoded(picture(), "JPEG", exif=exif))
    assert status == 201
    assert (answer["width"], answer["height"]) == (40, 60)


def test_a_gigabyte_is_refused_by_its_length_before_any_of_it_is_read(app: Running) -> None:
    with asking(app, {"Content-Length": "1000000000"}) as talk:
        talk.sendall(b"--x\r\n")  # and not a byte more
        answer = b""
        while b"larger than" not in answer and (more := talk.recv(65536)):
            answer += more
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"larger than" in answer


def test_a_file_that_does_not_tell_its_length_is_refused_at_the_bound(app: Running) -> None:
    before, total = uploads_of(app), 0
    with asking(app, {"Transfer-Encoding": "chunked"}) as talk:
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        talk.sendall(b"%x\r\n%s\r\n" % (len(head), head))
        try:
            for _ in range(2000):  # 100 MB in all
                talk.sendall(b"%x\r\n%s\r\n" % (50_000, b"a" * 50_000))
                total += 50_000
        except OSError:  # the server has hung up
            pass
        else:
            raise AssertionError("the server took all of it")
    assert total < 20_000_000  # what the kernel and the server hold back, at most
    assert uploads_of(app) == before


def test_the_answer_to_what_is_too_large_without_a_length_is_a_sentence(app: Running) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        for _ in range(6):
            yield b"a" * 50_000

    answer = app.person().post(
        "/api/uploads", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413
    assert "larger than" in answer.json()["error"]


def asking(app: Running, headers: dict[str, str]) -> socket.socket:
    """A connection on which the head of an upload has been sent."""
    host = urlsplit(app.url).netloc
    talk = socket.create_connection(tuple(host.split(":")), timeout=30)  # type: ignore[arg-type]
    told = {"Host": host, "Content-Type": "multipart/form-data; boundary=x"} | headers
    lines = ["POST /api/uploads HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    talk.sendall("\r\n".join([*lines, "", ""]).encode())
    return talk


def test_a_form_without_a_file_is_refused(app: Running) -> None:
    person = app.person()
    assert person.post("/api/uploads", files={"other": ("a.png", b"x")}).status_code == 422
    assert person.post("/api/uploads", json={}).status_code == 415
    headers = {"Content-Type": "multipart/form-data"}
    assert person.post("/api/uploads", content=b"nonsense", headers=headers).status_code == 422


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"size": 65}, "64 pixels at most"),
        ({"size": 8}, "size"),
        ({"strength": 101}, "strength"),
        ({"recipe": "nonsense"}, "no recipe"),
        ({"content": {}}, "give one of"),
        ({"content": {"artist": "ada"}}, "photographs"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_a_sentence(app: Running, asked: dict[str, Any], words: str) -> None:
    person = app.person()
    body = {"content": pick(person), "style": pick(person, "styles")} | asked
    answer = person.post("/api/jobs", json=body)
    assert answer.status_code == 422
    assert words in answer.json()["error"]


def test_an_upload_that_is_gone_and_a_picture_that_never_was_are_not_found(
    app: Running, make_image: Make, tmp_path: Path
) -> None:
    person = app.person()
    gone = upload(person, png(make_image, tmp_path))
    assert person.delete(f"/api/uploads/{gone}").status_code == 204
    for content in ({"upload": gone}, {"id": "0" * 16}):
        answer = person.post("/api/jobs", json={"content": content, "style": pick(person, "styles")})
        assert answer.status_code == 404
        assert answer.json()["error"]


def test_an_upload_may_be_removed_while_the_job_that_it_is_for_waits(
    app: Running, make_image: Make, tmp_path: Path
) -> None:
    person = app.person()
    given = upload(person, png(make_image, tmp_path))
    job = start(person, content={"upload": given})
    person.delete(f"/api/uploads/{given}")
    assert await_state(person, job, "done", "failed")["state"] == "done"


def kept(folder: Path, **limits: Any) -> tuple[Uploads, list[float]]:
    now = [0.0]
    uploads = Uploads(folder, Limits(**limits), lambda: now[0])
    uploads.open()
    return uploads, now


def test_an_upload_that_nobody_used_for_an_hour_is_removed_unless_a_job_waits_for_it(
    tmp_path: Path, make_image: Make
) -> None:
    uploads, now = kept(tmp_path, idle_seconds=3600)
    old, held, used = (uploads.add("me", *png(make_image, tmp_path)) for _ in range(3))
    uploads.hold([held])
    now[0] = 3000.0
    uploads.find("me", used.id)
    now[0] = 3601.0
    uploads.expire()
    assert [one.path.exists() for one in (old, held, used)] == [False, True, True]
    with pytest.raises(RequestError, match="upload the picture again"):
        uploads.find("me", old.id)


def test_of_too_many_uploads_those_used_longest_ago_go_and_others_peoples_stay(
    tmp_path: Path, make_image: Make
) -> None:
    uploads, now = kept(tmp_path, uploads=2)
    made = []
    for number, person in enumerate(("you", "me", "me", "me")):
        now[0] = float(number)
        made.append(uploads.add(person, *png(make_image, tmp_path)))
    assert [one.path.exists() for one in made] == [True, False, True, True]


def test_a_new_server_begins_without_what_a_killed_one_left(tmp_path: Path, make_image: Make) -> None:
    uploads, _ = kept(tmp_path)
    left = uploads.add("me", *png(make_image, tmp_path))
    kept(tmp_path)
    assert not left.path.exists()
