"""JPEG: the scans of a file, and decoding that notices when one of them is incomplete.

libjpeg fills what is missing with grey, says so in a warning only, and Pillow hides the warning. Whether all is there
does not depend on the end marker: tools put one behind a download that broke off, and others lose the one of a picture
that is complete. The reader here therefore feeds the decoder piece by piece: at the end of each piece (a scan, or a
restart interval of one) some padding follows that no picture can use. A decoder that has all of the piece's blocks
skips it as bytes between markers; one that still misses blocks takes it for their codes, or waits for more.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageFile

# "\xff\xff*" is the same as "\xff+", and searched for 15 times as fast.
_NEXT_MARKER = re.compile(rb"\xff\xff*([^\x00\xff])")
_SCAN_END = re.compile(rb"\xff\xff*[^\x00\xd0-\xd7\xff]")
_STANDALONE = frozenset([0x01, *range(0xD0, 0xD9)])  # markers without a length: TEM, RST0..7, SOI
_END, _SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
_HUFFMAN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))  # baseline, extended, progressive: those whose decoder can wait
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ONES = b"\xff\x00"  # eight ones within a scan: no Huffman code consists of ones only, so a block takes many of them
_OTHERS = (b"\x00", b"\x55")
_LONGEST_LOOK = 8  # bytes that libjpeg wants to have before it decodes what may be the last symbol


@dataclass(frozen=True)
class Scan:
    """The entropy-coded data of a scan: bytes `start` to `end`, where the next marker (or the end) follows.

    Attributes:
        components: numbers of the colour components in the scan.
        spectrum: first and last coefficient.
        bit: the lowest bit that the scan delivers, 0 for the full precision.
        refines: whether it adds a bit to an earlier scan of the same coefficients.
        restarts: how many restart markers its blocks need; 0 without restart intervals.
    """

    start: int
    end: int
    components: tuple[int, ...]
    spectrum: tuple[int, int]
    bit: int
    refines: bool
    restarts: int


@dataclass
class JpegStructure:
    """What the markers of a JPEG's first picture say.

    Attributes:
        frame: the marker of the kind of coding, 0xC0 for baseline; None if there is no frame header.
        components: number of each colour component, with its sampling factors.
        ended: whether the end marker is there.
    """

    frame: int | None = None
    width: int = 0
    height: int = 0
    components: dict[int, tuple[int, int]] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)
    end: int = 0
    ended: bool = False

    @property
    def can_be_fed(self) -> bool:
        """Whether libjpeg decodes this kind in pieces: arithmetic and lossless coding, and DNL, it does not."""
        return self.frame in _HUFFMAN_FRAMES and bool(self.scans) and self.height > 0

    @property
    def is_whole(self) -> bool:
        """Whether every component has all its coefficients in full precision."""
        return all(self._bits(component) == {0} for component in self.components)

    @property
    def has_all_components(self) -> bool:
        """Whether every component has at least its mean values (a progressive file may stop there)."""
        return all(
            any(component in scan.components and scan.spectrum[0] == 0 and not scan.refines for scan in self.scans)
            for component in self.components
        )

    def _bits(self, component: int) -> set[int]:
        bits = [14] * 64
        for scan in self.scans:
            if component in scan.components:
                for k in range(scan.spectrum[0], min(scan.spectrum[1], 63) + 1):
                    bits[k] = scan.bit
        return set(bits)


def jpeg_structure(data: bytes, most_scans: int) -> JpegStructure:
    """Walk the markers of a JPEG's first picture. Stops after more than `most_scans` scans."""
    structure, interval, position = JpegStructure(), 0, 2
    while found := _NEXT_MARKER.search(data, position):
        marker, position = found[1][0], found.end()
        if marker == _END:
            structure.end, structure.ended = found.start(), True
            return structure
        if marker in _STANDALONE:
            continue
        segment = data[position + 2 : position + _length(data, position)]
        position += _length(data, position)
        if position > len(data):
            return structure
        if marker == _RESTART_INTERVAL and len(segment) >= 2:
            interval = int.from_bytes(segment[:2], "big")
        elif marker in _FRAMES and structure.frame is None:
            _read_frame(structure, marker, segment)
        elif marker == _SCAN:
            position = _scan_end(data, position_of_data := position)
            structure.scans.append(_scan(structure, segment, interval, position_of_data, position))
            structure.end = position
            if len(structure.scans) > most_scans:
                return structure
    return structure


def load_jpeg(image: ImageFile.ImageFile, data: bytes, structure: JpegStructure, padding: bytes = _ONES) -> bool:
    """Decode the pixels of an opened JPEG into `image`; return False if some are missing.

    Without an end marker a few bytes more may be missing than one decoding shows: `is_complete_without_end` tells.
    """
    if not structure.has_all_components:
        return False
    image.load_prepare()
    tile = image.tile[0]
    decoder = Image._getdecoder(image.mode, tile.codec_name, tile.args, getattr(image, "decoderconfig", ()))
    try:
        decoder.setimage(image.im, tile.extents)
        complete = _feed(decoder, data, structure, padding)
    finally:
        decoder.cleanup()
    image.tile = []
    image.load_end()
    return complete


def is_complete_without_end(
    image: Image.Image, open_again: Callable[[], ImageFile.ImageFile], data: bytes, structure: JpegStructure
) -> bool:
    """Whether a picture without end marker is complete: other padding gives the same one, and no scan is lacking."""
    if not structure.is_whole:
        return False
    for padding in _OTHERS:
        again = open_again()
        if not load_jpeg(again, data, structure, padding) or not np.array_equal(np.asarray(image), np.asarray(again)):
            return False
    return True


def _feed(decoder: Any, data: bytes, structure: JpegStructure, padding: bytes) -> bool:
    view, position, complete, rest = memoryview(data), 0, True, b""
    for scan in structure.scans:
        ends = _piece_ends(data, scan)
        complete = complete and len(ends) > scan.restarts
        for end in ends:
            for piece in (b"".join((view[position:end], padding * _LONGEST_LOOK)), padding):
                left = _decode(decoder, rest + piece)
                if left is None:  # a baseline picture ends with its last row
                    return complete
                complete, rest = complete and not left, left
            position = end
    _decode(decoder, b"".join((rest, view[position : structure.end], b"\xff\xd9")))
    return complete


def _decode(decoder: Any, data: bytes) -> bytes | None:
    """Feed the decoder; return the bytes that it does not take yet, None if it has finished. Raises OSError."""
    taken, error = decoder.decode(data)
    if error < 0:
        raise OSError("broken data stream when reading image file")
    return None if taken < 0 else data[taken:]


def _piece_ends(data: bytes, scan: Scan) -> list[int]:
    """Where each restart interval of a scan ends, and the scan itself."""
    restarts = _NEXT_MARKER.finditer(data, scan.start, scan.end) if scan.restarts else ()
    return [*(found.start() for found in restarts), scan.end]


def _scan_end(data: bytes, start: int) -> int:
    """The position of the next marker that is no restart marker."""
    found = _SCAN_END.search(data, start)
    return found.start() if found else len(data.rstrip(b"\xff"))


def _length(data: bytes, position: int) -> int:
    return max(2, int.from_bytes(data[position : position + 2], "big"))


def _read_frame(structure: JpegStructure, marker: int, segment: bytes) -> None:
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        return
    structure.frame = marker
    structure.height, structure.width = struct.unpack_from(">HH", segment, 1)
    for at in range(6, 6 + 3 * segment[5], 3):
        structure.components[segment[at]] = (segment[at + 1] >> 4, segment[at + 1] & 15)


def _scan(structure: JpegStructure, header: bytes, interval: int, start: int, end: int) -> Scan:
    count = header[0] if header else 0
    components = tuple(header[1 : 1 + 2 * count : 2])
    first, last, bits = (header[1 + 2 * count : 4 + 2 * count] + b"\0\x3f\0")[:3]
    if structure.frame != 0xC2:
        first, last, bits = 0, 63, 0
    restarts = (_blocks(structure, components) - 1) // interval if interval else 0
    return Scan(start, end, components, (first, last), bits & 15, bits > 15, restarts)


def _blocks(structure: JpegStructure, components: tuple[int, ...]) -> int:
    """The number of units (MCUs) of a scan: single blocks if it has one component, and groups of them otherwise."""
    sampling = [factors for factors in structure.components.values() if all(factors)]
    if not sampling:
        return 1
    across, down = (max(factors[axis] for factors in sampling) for axis in (0, 1))
    own = structure.components.get(components[0], (1, 1)) if len(components) == 1 else (1, 1)
    if len(components) == 1:  # a component by itself has no blocks beyond its own edge
        width = -(-structure.width * own[0] // across)
        height = -(-structure.height * own[1] // down)
        return -(-width // 8) * -(-height // 8)
    return -(-structure.width // (8 * across)) * -(-structure.height // (8 * down))
