"""Decoding in processes of their own, which can be ended: for files that may take their decoder very long.

The work of a decoder is not bounded by the size of its file, nor can a thread be ended while it is in compiled code. So
what is not plainly light work is decoded in a child process (`decoder_program`), which is killed at the deadline. The
processes are kept for the next file, and end by themselves when they have nothing to do, or when this process ends.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import CorruptImage, DecoderLost, InputError, SlowImage

_LINEAR = frozenset(("JPEG", "MPO", "PNG", "WEBP", "GIF"))
"""Formats whose decoder passes over the pixels once (a JPEG's once per scan), and over the file once."""

_MOST_PIXELS, _MOST_JPEG_PIXELS = 50_000_000, 300_000_000
"""Pixels, of a JPEG times its scans, up to which these formats take a second or two."""

_MOST_BYTES, _MOST_BYTES_PER_PIXEL = 2**20, 16
"""The size of a file for its pixels: compressed data may be a thousand times as long once they are unpacked."""

_START_OF_SCAN = b"\xff\xda"  # does not occur within a scan
_CRASHES = {-getattr(signal, name, 0) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")} - {0}
_TICK = 0.5  # seconds
_COMMAND = "from nst_core.engine.images.decoder_program import main; main()"
_ROOT = Path(__file__).parents[3]  # where Python finds this package


def is_light(format: str, pixels: int, data: bytes) -> bool:
    """Whether the file of a picture of so many pixels is decoded in a few seconds at most, whatever its bytes are."""
    if format not in _LINEAR or len(data) > _MOST_BYTES + _MOST_BYTES_PER_PIXEL * pixels:
        return False
    if format in ("JPEG", "MPO"):
        return pixels * data.count(_START_OF_SCAN) <= _MOST_JPEG_PIXELS
    return pixels <= _MOST_PIXELS


def decode_apart(path: Path, limits: ImageLimits, data: bytes) -> Any:
    """What `decode_here` returns, from a process that is killed after `limits.decode_seconds`.

    Raises:
        SlowImage: it was killed.
        CorruptImage: the decoder crashed.
        DecoderLost: the process was ended by somebody else.
    """
    for _ in range(2):  # an idle one may end by itself just as it is asked; a crash has to come twice
        with _DECODERS.borrowed() as decoder:
            kind, value = decoder.answer((path.suffix, limits, data), limits.decode_seconds)
        if kind != "ended":
            break
    if kind == "image":
        return value
    if kind == "slow":
        raise SlowImage(path, f"decoding it takes longer than decode_seconds = {limits.decode_seconds:g}")
    if kind == "ended" and value in _CRASHES:
        raise CorruptImage(path, "its data are damaged (they make the decoder crash)")
    if kind == "ended":
        raise DecoderLost(f"The process that decoded {path} ended: exit code {value}.")
    raise type(value)(path, value.reason) if isinstance(value, InputError) else value


class _Decoder:
    """A process that decodes one file after the other."""

    def __init__(self) -> None:
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def answer(self, request: tuple[str, ImageLimits, bytes], seconds: float) -> tuple[str, Any]:
        """("image", what was decoded), ("error", exception), ("slow", None) or ("ended", exit code)."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests, "it has pipes"
        assert answers, "it has pipes"
        with self._deadline(seconds) as too_slow:
            try:
                pickle.dump(request, requests, protocol=5)
                requests.flush()
                answer: tuple[str, Any] = pickle.load(answers)
            except (EOFError, OSError, pickle.UnpicklingError):
                answer = "ended", self._process.wait()
        if answer[0] == "ended":
            self.end()
            return ("slow", None) if too_slow.is_set() else answer
        return answer

    def end(self) -> None:
        """Kill the process, and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    @contextlib.contextmanager
    def _deadline(self, seconds: float) -> Iterator[threading.Event]:
        """Kill the process where the block takes longer. Time counts in ticks, not while this process is suspended."""
        over, too_slow = threading.Event(), threading.Event()

        def watch() -> None:
            left = seconds
            while left > 0:
                if over.wait(min(left, _TICK)):
                    return
                left -= _TICK
            too_slow.set()
            self._process.kill()

        watcher = threading.Thread(target=watch, name="decoding deadline", daemon=True)
        watcher.start()
        try:
            yield too_slow
        finally:
            over.set()
            watcher.join()  # so that it does not kill the process over its next file


class _Decoders:
    """The decoder processes of this process: at most one per core at work, kept for the next file."""

    def __init__(self) -> None:
        self._idle: list[_Decoder] = []
        self._slots = threading.BoundedSemaphore(os.cpu_count() or 1)

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[_Decoder]:
        """A decoder for one file, for this thread alone."""
        with self._slots:
            decoder = self._idle_decoder() or _Decoder()
            try:
                yield decoder
            except BaseException:
                decoder.end()  # it may still be at work
                raise
            if decoder.alive:
                self._idle.append(decoder)

    def _idle_decoder(self) -> _Decoder | None:
        while self._idle:
            with contextlib.suppress(IndexError):
                decoder = self._idle.pop()
                if decoder.alive:
                    return decoder
                decoder.end()
        return None


_DECODERS = _Decoders()


def _forget() -> None:
    """In a fork: the processes and their pipes belong to the process that started them."""
    global _DECODERS
    _DECODERS = _Decoders()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
