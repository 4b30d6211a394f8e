"""What a gallery at a bucket costs in requests: the first build, a build where nothing changed, one after a new result.

    python tests/benchmarks/gallery_requests.py --artists 50 --results 400

Synthetic runs of tiny pictures, one results file per artist, at a server of this process that speaks S3's protocol
(moto). Counted is what goes over HTTP, by the names that bills use: a listing of up to 1000 objects is one LIST. Two
settings: the run folder on a disk with its gallery at the bucket (`-o s3://…`), and the run folder itself at the
bucket, where the photographs and paintings are on a disk. "One more" is the build after one artist got another result;
"looked at" is what `--watch` asks where nothing has changed.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiobotocore.httpsession import AIOHTTPSession
from gallery_scale import picture

from nst_core.engine.batch import LossPoint
from nst_core.run_folder.results import Result, chunk_file, write_results
from nst_core.storage.paths import as_remote, files_below, parse_path
from nst_core.views.gallery_watch import GalleryWatch
from nst_core.views.pages import build_pages

KINDS = ("LIST", "GET", "HEAD", "PUT", "DELETE")
SIDE = 48


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artists", type=int, default=50)
    parser.add_argument("--results", type=int, default=400)
    options = parser.parse_args(arguments)
    print(f"| {options.artists} artists, {options.results} results | build | {' | '.join(KINDS)} | seconds |")
    print("|---|---|" + "---:|" * (len(KINDS) + 1))
    with tempfile.TemporaryDirectory() as name, bucket() as store:
        run = Path(name) / "run"
        make_run(run, options.artists, options.results // options.artists)
        measure("gallery at the bucket", run, run, parse_path(f"{store}/gallery"))
        there = parse_path(f"{store}/run")
        upload(run, there)
        measure("run at the bucket", run, there, None)


def measure(setting: str, disk: Path, run: Path, gallery: Path | None) -> None:
    """Print a line for each of the builds of a run, whose files are on the disk, too."""
    watch = GalleryWatch([run], gallery)
    for build in ("first", "unchanged", "one more", "looked at"):
        if build == "one more":
            files = add_result(disk)
            if run is not disk:
                for file in files:
                    (run / file).write_bytes((disk / file).read_bytes())
        started = time.perf_counter()
        with counted() as requests:
            watch.look() if build == "looked at" else build_pages([run], gallery)
        seconds = time.perf_counter() - started
        counts = " | ".join(str(requests[kind]) for kind in KINDS)
        print(f"| {setting} | {build} | {counts} | {seconds:.1f} |", flush=True)


def make_run(run: Path, artists: int, each: int) -> None:
    """A finished run: of every artist `each` results, of two paintings."""
    draw = np.random.default_rng(0)
    run.mkdir(parents=True)
    (run / "run.yaml").write_text("name: requests\n")
    for artist in range(artists):
        rows = [row(run, artist, number, draw) for number in range(each)]
        write_results(rows, chunk_file(run, f"painter-{artist}", "0" * 12))


def add_result(run: Path) -> list[str]:
    """One more result of the first artist; returns the names of its files."""
    number = sum(1 for _ in (run / "images").iterdir())
    new = row(run, 0, number, np.random.default_rng(number))
    file = chunk_file(run, "painter-0", f"{number:012x}")
    write_results([new], file)
    return [str(new.file_name), file.relative_to(run).as_posix()]


def row(run: Path, artist: int, number: int, draw: np.random.Generator) -> Result:
    """The row of a finished pair, whose pictures are made."""
    name = f"{artist:03d}-{number:04d}"
    content, style = (
        run.parent / "sources" / file for file in (f"photo {name}.jpg", f"painting {artist} {number % 2}.jpg")
    )
    width, height = picture(run / f"images/{name}.jpg", SIDE, draw)
    picture(content, SIDE, draw)
    if not style.is_file():
        picture(style, SIDE, draw)
    return Result(
        pair_id=f"{artist:08x}{number:08x}", chunk_id=f"{number:012x}", status="success", attempts=1,
        content_path=str(content), style_path=str(style), file_name=f"images/{name}.jpg", artist=f"Painter {artist}",
        width=width, height=height, size=SIDE, total_loss=1.0, seconds=1.0, method="wavelet", features="wavelet",
        loss_trace=[LossPoint(0, 1, 1, 0, 2.0), LossPoint(9, 1, 1, 0, 1.0)],
    )  # fmt: skip


def upload(source: Path, target: Path) -> None:
    for name in files_below(source):
        (target / name).write_bytes((source / name).read_bytes())


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts the requests that S3's client sends within the block."""
    requests: Counter[str] = Counter()
    send = AIOHTTPSession.send

    async def noted(self: AIOHTTPSession, request: Any) -> Any:
        requests["LIST" if request.method == "GET" and "list-type=2" in request.url else request.method] += 1
        return await send(self, request)

    AIOHTTPSession.send = noted
    try:
        yield requests
    finally:
        AIOHTTPSession.send = send


@contextmanager
def bucket() -> Iterator[str]:
    """The URL of a bucket at a server of this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    os.environ |= {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    try:
        path = as_remote(parse_path("s3://galleries"))
        assert path is not None
        path.fs.mkdir(path.path)
        yield "s3://galleries"
    finally:
        server.stop()


if __name__ == "__main__":
    main()
