"""What all tests share: where the small real data lie, and how small images are made."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled modules for the suite's hundreds of processes where the environment keeps none beside the code.

    With PYTHONDONTWRITEBYTECODE each of them would compile all of PyTorch and Prefect for itself: half of their time.
    """
    cache = getattr(config, "cache", None)  # none with `-p no:cacheprovider`
    if sys.dont_write_bytecode and cache is not None and not hasattr(config, "workerinput"):
        try:
            folder = cache.mkdir("bytecode")
        except OSError:  # a checkout that cannot be written to
            return
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # None: `python -B`
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(folder)
        sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Bits are promised for a fixed number of threads; and the suite's own processes fill the cores as it is."""
    import torch  # here, so that the process that only hands out the tests does without

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def threads_as_before(one_thread: None) -> Iterator[None]:
    """Code under test may set the number of threads."""
    import torch

    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of small real datasets and weights beside a developer's checkout; users have none."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the developers' folder of real data beside the checkout (../shared)")
    return folder


@pytest.fixture(scope="session")
def make_image() -> Callable[..., Path]:
    """Writes a small picture of soft blobs and stripes, a function of its seed."""

    def make(path: Path, width: int = 80, height: int = 64, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:height, :width] / max(width, height)
        waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(-6, 6, (3, 3))]
        pixels = np.stack([0.5 + 0.3 * wave + 0.2 * rng.standard_normal(wave.shape) for wave in waves], axis=2)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).save(path)
        return path

    return make


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep caches of the person who runs the tests out of them, and the tests out of those."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.delenv("PREFECT_API_URL", raising=False)
        yield folder


@pytest.fixture(autouse=True)
def _own_web_access() -> None:
    """Forget the places that a test named, and what their servers came to."""
    from nst_core.storage.web_access import WebAccess, use_web_access

    use_web_access(WebAccess(since=time.time()))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3-speaking server of the session's own."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new bucket on that server, credentials and all in the environment."""
    from nst_core.storage.paths import as_remote, parse_path

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = as_remote(parse_path(f"s3://bucket-{secrets.token_hex(8)}"))
    assert path is not None
    path.fs.mkdir(path.path)
    return str(path).rstrip("/")


@pytest.fixture
def memory() -> Iterator[Path]:
    """An empty folder of the store that lives in this process's memory."""
    from fsspec.implementations.memory import MemoryFileSystem

    from nst_core.storage.paths import parse_path

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield parse_path("memory://place")
    MemoryFileSystem.store.clear()


@pytest.fixture
def unlistable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Path]:
    """Makes a folder that nobody may list, not even root."""
    closed: set[Path] = set()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path) in closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    def make(folder: Path) -> Path:
        folder.mkdir()
        closed.add(folder)
        monkeypatch.setattr(os, "scandir", refusing)
        return folder

    return make
