"""Files on the web: asked for once per run, refused one by one, or together where the host is the cause."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nst_core.errors import (
    MissingImage,
    PrivateAddressImage,
    StorageRefused,
    StorageUnreachable,
    UnavailableImage,
)
from nst_core.storage import web
from nst_core.storage.paths import NO_FILE, file_state, files_below, parse_path, remote_states
from nst_core.storage.signed_urls import shown_url
from nst_core.storage.web_access import accept_old_copies, begin_run, name_places
from nst_core.storage.web_cache import BOUND, WebCache, WebCopy


class Pictures:
    """A server: what it was asked for, and what it answers by path (status, headers, bytes)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: Counter[str] = Counter()
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.methods: set[str] = set()

    def give(self, path: str, data: bytes = b"picture", status: int = 200, **headers: str) -> str:
        self.answers[path] = status, {name.replace("_", "-"): value for name, value in headers.items()}, data
        return self.url + path


@pytest.fixture
def server() -> Iterator[Pictures]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            pictures.asked[path] += 1
            pictures.methods.add(self.command)
            status, headers, data = pictures.answers.get(path, (404, {}, b""))
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, data = 304, b""
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(data))} | headers).items():
                if value != "none":
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_HEAD = do_GET

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        pictures = Pictures(f"http://127.0.0.1:{running.server_port}")
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        name_places([pictures.url])
        yield pictures
        running.shutdown()


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(web, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def read(url: str) -> bytes:
    return parse_path(url).read_bytes()


def test_a_file_is_asked_for_once_whatever_is_asked_about_it(server: Pictures) -> None:
    path = parse_path(server.give("/a.png"))
    assert path.is_file()
    assert path.read_bytes() == b"picture"
    with path.open("rb") as file:
        assert file.read() == b"picture"
    assert file_state(path) == remote_states([path])[path]
    assert path.stat().st_size == 7
    assert server.asked == {"/a.png": 1}
    assert server.methods == {"GET"}, "no HEAD, which some servers refuse"


def test_another_run_asks_whether_it_has_changed(server: Pictures) -> None:
    url = server.give("/a.png", ETag='"1"')
    state = file_state(parse_path(url))
    begin_run(False)
    assert (read(url), file_state(parse_path(url))) == (b"picture", state)
    server.give("/a.png", b"another", ETag='"2"')
    assert read(url) == b"picture", "a run sees one picture"
    begin_run(False)
    assert read(url) == b"another"
    assert file_state(parse_path(url)) != state
    assert server.asked["/a.png"] == 3


def test_pages_of_a_run_take_what_the_run_took(server: Pictures) -> None:
    url = server.give("/a.png")
    read(url)
    server.answers.clear()
    begin_run(False)
    accept_old_copies()
    assert read(url) == b"picture"


def test_a_signature_is_sent_and_never_told(server: Pictures) -> None:
    url = server.give("/a.png", status=403) + "?sig=HUSH"
    with pytest.raises(UnavailableImage) as refused:
        read(url)
    assert "HUSH" not in str(refused.value)
    assert str(refused.value).startswith(f"{server.url}/a.png?sig=***: ")
    server.give("/a.png")
    begin_run(False)
    assert read(f"{server.url}/a.png?sig=NEW") == b"picture"
    begin_run(False)
    assert parse_path(shown_url(url)).read_bytes() == b"picture", "its last address is known to this process"


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [(404, MissingImage, "404"), (410, MissingImage, "410"), (401, UnavailableImage, "refuses"),
     (403, UnavailableImage, "refuses"), (405, UnavailableImage, "405"), (429, UnavailableImage, "slow down"),
     (500, UnavailableImage, "fault"), (501, UnavailableImage, "fault")],
)  # fmt: skip
def test_a_status_belongs_to_its_url(server: Pictures, status: int, kind: type[Exception], reason: str) -> None:
    url = server.give("/bad.png", status=status)
    with pytest.raises(kind, match=reason), parse_path(url).open("rb"):
        pass
    assert file_state(parse_path(url)) == NO_FILE
    assert read(server.give("/good.png")) == b"picture"
    assert server.asked["/bad.png"] == (3 if status in (429, 500, 501) else 1)


def test_a_host_that_refuses_everything_ends_the_run(server: Pictures) -> None:
    urls = [server.give(f"/{number}.png", status=403) for number in range(5)]
    for url in urls[:2]:
        with pytest.raises(UnavailableImage):
            read(url)
    with pytest.raises(StorageRefused, match=r"refuses all 3 addresses .*sign the addresses anew"):
        read(urls[2])
    with pytest.raises(StorageRefused):
        read(urls[3])
    assert server.asked["/3.png"] == 0
    begin_run(False)
    with pytest.raises(UnavailableImage):
        read(urls[3])


def test_one_that_is_given_shows_that_the_host_is_not_the_cause(server: Pictures) -> None:
    read(server.give("/good.png"))
    for number in range(5):
        with pytest.raises(UnavailableImage):
            read(server.give(f"/{number}.png", status=403))


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    name_places(["http://127.0.0.1:9"])
    for number in range(2):
        with pytest.raises(UnavailableImage, match="cannot be reached"):
            read(f"http://127.0.0.1:9/{number}.png")
    with pytest.raises(StorageUnreachable, match="once the network"):
        read("http://127.0.0.1:9/2.png")


def test_a_busy_server_may_ask_for_more_time_than_there_is(server: Pictures) -> None:
    with pytest.raises(UnavailableImage, match="again after 3600 s"):
        read(server.give("/a.png", status=429, Retry_After="3600"))
    assert server.asked["/a.png"] == 1


def test_a_transfer_that_is_cut_is_no_picture(server: Pictures) -> None:
    with pytest.raises(UnavailableImage, match="cut"):
        read(server.give("/a.png", Content_Length="5000"))
    assert read(server.give("/b.png", Content_Length="none")) == b"picture", "a length need not be told"


def test_there_is_an_end_to_size_and_time(server: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LARGEST", 5)
    with pytest.raises(UnavailableImage, match="more than 5 bytes"):
        read(server.give("/a.png"))
    monkeypatch.setattr(web, "LARGEST", 500)
    monkeypatch.setattr(web, "DEADLINE", -1.0)
    with pytest.raises(UnavailableImage, match="did not arrive within"):
        read(server.give("/b.png"))


def test_redirects_are_followed_but_not_into_the_network(server: Pictures) -> None:
    assert read(server.give("/r", b"", 302, Location=server.give("/a.png"))) == b"picture"
    for inside in ("http://127.0.0.1:1/a.png", "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]:1/"):
        begin_run(False)
        with pytest.raises(PrivateAddressImage, match="inside the network"):
            read(server.give("/inside", b"", 302, Location=inside))
    with pytest.raises(UnavailableImage, match="circle"):
        read(server.give("/circle", b"", 302, Location=f"{server.url}/circle"))


def test_a_name_that_comes_to_an_address_inside_is_refused(server: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    port = server.url.rpartition(":")[2]
    answers = iter(["8.8.8.8"])  # to whoever asks first, as a DNS server does that rebinds its names

    def known(*_: object, **__: object) -> list[object]:
        return [(2, 1, 6, "", (next(answers, "127.0.0.1"), int(port)))]

    connected: list[str] = []

    def connect(_: object, host: str, *__: object) -> None:
        import httpcore

        connected.append(host)
        raise httpcore.ConnectError("no network in a test")

    monkeypatch.setattr("socket.getaddrinfo", known)
    monkeypatch.setattr("httpcore.SyncBackend.connect_tcp", connect)
    monkeypatch.setattr(web, "PAUSES", ())
    with pytest.raises(UnavailableImage, match="cannot be reached"):
        read(f"http://rebound.example.org:{port}/a.png")
    assert connected == ["8.8.8.8"], "what was checked is what is connected to"
    with pytest.raises(PrivateAddressImage):
        read(f"http://rebound.example.org:{port}/b.png")


def test_a_folder_is_what_its_page_links_to(server: Pictures) -> None:
    page = '<html><a href="../">up</a><a href="a.png">a</a><A HREF="/p/sub/">s</A><a href="http://e.org/x.png">x</a></html>'
    server.give("/p/", page.encode())
    server.give("/p/sub/", b'<html><a href="b%20c.png?x=1">b</a><a href="./b.txt">t</a></html>')
    folder = parse_path(f"{server.url}/p")
    assert folder.is_dir()
    assert list(files_below(folder)) == ["a.png", "sub/b%20c.png", "sub/b.txt"]
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "sub"]
    assert not parse_path(f"{server.url}/nothing").is_dir()


@pytest.fixture
def cache(tmp_path: Path) -> Callable[[], WebCache]:
    return lambda: WebCache(tmp_path / "web")


def copy(url: str, data: bytes, checked_at: float = 5.0) -> WebCopy:
    import hashlib

    return WebCopy(url, data, hashlib.sha256(data).hexdigest(), checked_at=checked_at)


def test_the_cache_keeps_what_fits(
    cache: Callable[[], WebCache], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(BOUND, "0.00001")  # 10 kB
    copies = cache()
    for number in range(10):
        copies.put(copy(f"https://e.org/{number}", bytes([number]) * 2000, checked_at=float(number + 1)))
    assert sum(file.stat().st_size for file in (tmp_path / "web").iterdir()) <= 10_000
    kept = cache()
    assert kept.get("https://e.org/0") is None
    found = kept.get("https://e.org/9")
    assert found is not None
    assert (found.data, found.checked_at) == (bytes([9]) * 2000, 10.0)


def test_a_damaged_copy_is_none(cache: Callable[[], WebCache], tmp_path: Path) -> None:
    cache().put(copy("https://e.org/a", b"picture"))
    (file,) = (tmp_path / "web").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert cache().get("https://e.org/a") is None


def test_without_a_disk_a_few_copies_are_in_memory(
    cache: Callable[[], WebCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BOUND, "0")
    copies = cache()
    copies.put(copy("https://e.org/a", b"picture"))
    found = copies.get("https://e.org/a")
    assert found is not None
    assert found.data == b"picture"
    assert copies.confirm(found, 9.0).checked_at == 9.0
