"""Small valid ICC v2 profiles, made by hand, so that tests need no profile from anywhere."""

from __future__ import annotations

import itertools
import struct

# Colorants of sRGB, adapted to D50 (X, Y, Z).
RED, GREEN, BLUE = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
_D50 = (0.9642, 1.0, 0.8249)
# sRGB's primaries in CIELAB (D50), the way a printer profile describes colours.
LAB_WHITE, LAB_BLACK, LAB_RED = (100.0, 0.0, 0.0), (0.0, 0.0, 0.0), (54.3, 80.8, 69.9)


def rgb_profile(red=RED, green=GREEN, blue=BLUE, gamma=1.0) -> bytes:
    """Matrix and tone curve: three colorants and one exponent."""
    tags = {
        **_named("hand-made RGB"),
        **{name: _xyz(value) for name, value in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma_curve(gamma)),
    }
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags)


def grey_profile(gamma=1.0) -> bytes:
    return _profile(b"mntr", b"GRAY", b"XYZ ", {**_named("hand-made grey"), b"kTRC": _gamma_curve(gamma)})


# The eight solid colours of cyan, magenta and yellow inks, in CIELAB (D50), roughly those of a press.
PROCESS_INKS = {
    (0, 0, 0): LAB_WHITE, (1, 0, 0): (55.0, -37.0, -50.0), (0, 1, 0): (48.0, 74.0, -3.0), (0, 0, 1): (89.0, -5.0, 93.0),
    (1, 1, 0): (24.0, 22.0, -46.0), (1, 0, 1): (50.0, -68.0, 33.0), (0, 1, 1): (47.0, 68.0, 48.0), (1, 1, 1): LAB_BLACK,
}  # fmt: skip
ODD_INKS = {inks: LAB_RED if inks == (1, 0, 0) else LAB_WHITE for inks in PROCESS_INKS}


def cmyk_profile(inks=ODD_INKS) -> bytes:
    """A printer with the given solid colours; any black prints black. With the odd inks, cyan alone prints red."""
    corners = itertools.product((0, 1), repeat=4)  # C slowest, K fastest, as in the file
    colours = [LAB_BLACK if k else inks[c, m, y] for c, m, y, k in corners]
    grid = bytes(
        value for lightness, a, b in colours for value in (round(lightness * 2.55), round(a) + 128, round(b) + 128)
    )
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    lut8 = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + bytes(range(256)) * 4 + grid + bytes(range(256)) * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {**_named("hand-made CMYK"), b"A2B0": lut8})


def _profile(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), b"test", 0x02400000, device, space, connection)
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _s15f16(_D50)
    return header + bytes(128 - len(header)) + table + body


def _named(name: str) -> dict[bytes, bytes]:
    text = name.encode() + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(12 + 67)
    return {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz(_D50)}


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + _s15f16(value)


def _s15f16(values: tuple[float, ...]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
