"""Files that look like images but cannot be read: what they are, and what to do about them."""

from __future__ import annotations

from pathlib import Path

_VECTOR = "vector graphics, which have to be rendered to PNG or JPEG first"
_EPS = f"it is PostScript, {_VECTOR}"
_SVG = f"it is SVG, {_VECTOR}"
_PDF = "it is a PDF document: export its pages or pictures as PNG or JPEG first"
_HEIC = "it is a HEIC picture, which Pillow cannot read: convert it to JPEG first"
_JXL = "it is a JPEG XL picture, which Pillow cannot read: convert it to JPEG or PNG first"
_RAW = "it is a camera's raw file: develop it to JPEG or TIFF first"
_LAYERS = "it is an image editor's project: export it as PNG or JPEG first"
_ICON = "it is an icon file: export the picture that you want as PNG first"

CAMERA_RAW = frozenset(
    {".raw", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}
)
"""Lower-case suffixes of raw files. Several are TIFFs inside, and would open as their own tiny preview."""

CONVERT_FIRST = {
    ".svg": _SVG,
    ".svgz": _SVG,
    ".eps": _EPS,
    ".heic": _HEIC,
    ".heif": _HEIC,
    ".jxl": _JXL,
    ".psd": _LAYERS,
    ".psb": _LAYERS,
    ".xcf": _LAYERS,
    ".ico": _ICON,
    **dict.fromkeys(CAMERA_RAW, _RAW),
}
"""Lower-case suffixes of pictures that cannot be read, with what they are and what to do about it."""

_BY_CONTENT = [
    (b"%pdf", _PDF),
    (b"%!ps", _EPS),
    (b"\xc5\xd0\xd3\xc6", _EPS),
    (b"8bps", _LAYERS),
    (b"gimp xcf", _LAYERS),
    (b"\0\0\x01\0", _ICON),
    (b"\xff\x0a", _JXL),
    (b"\0\0\0\x0cjxl ", _JXL),
    (b"fujifilmccd-raw", _RAW),
    (b"version https://git-lfs", "it is a Git LFS pointer: run `git lfs pull` to get the picture itself"),
    (b"\x1f\x8b", "it is a gzip archive: unpack it first"),
    (b"pk\x03\x04", "it is a ZIP archive: unpack it first"),
    (b"\x1a\x45\xdf\xa3", "it is a video"),
]
_BRANDS = {b"heic": _HEIC, b"heix": _HEIC, b"hevc": _HEIC, b"mif1": _HEIC, b"msf1": _HEIC, b"crx ": _RAW}
_NO_IMAGE = "its bytes are in no image format that we can read"


def identify(head: bytes) -> str | None:
    """Identify a file by its first bytes (some 4 KiB): a reason for `NotAnImage`, or None if they do not tell."""
    start = head.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").lstrip().lower()
    if start.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start:
        return _SVG
    if start.startswith((b"<!doctype html", b"<html", b"<head")) or (start.startswith(b"<") and b"<html" in start):
        return "it looks like a web page (HTML), perhaps a download's error message"
    if start.startswith(b"<?xml"):
        return "it is XML text, perhaps a download's error message"
    if head[4:8] == b"ftyp" and len(head) >= 12 and b"avi" not in head[8:64]:
        return _BRANDS.get(head[8:12], "it is a video")
    return next((reason for magic, reason in _BY_CONTENT if head.lower().startswith(magic)), None)


def not_an_image_reason(path: Path, head: bytes) -> str:
    """The reason for `NotAnImage` of a file in no known format, by its bytes or its suffix."""
    reason = identify(head) or CONVERT_FIRST.get(path.suffix.lower())
    return reason or ("it is plain text" if _is_text(head) else _NO_IMAGE)


def _is_text(head: bytes) -> bool:
    try:
        text = head[:-3].decode() if len(head) > 64 else head.decode()  # the last character may be cut in two
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start > len(head) - 8 else "\0"
    return all(character.isprintable() or character.isspace() for character in text)
