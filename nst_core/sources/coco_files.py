"""Files that are given for a COCO annotation file and are something else: what they are, and what to give instead."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from nst_core.errors import SourceError
from nst_core.sources.json_stream import stream_values
from nst_core.storage.regular_files import open_regular

INSTEAD = "give instances_*.json, person_keypoints_*.json, captions_*.json or image_info_*.json"
_BEGIN = 4096

_MAGIC = (
    (b"\x1f\x8b", "is compressed (gzip): unpack it first"),
    (b"PK\x03\x04", "is a ZIP archive: unpack it, and give the annotation file in it"),
    (b"BZh", "is compressed (bzip2): unpack it first"),
    (b"\xfd7zXZ", "is compressed (xz): unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed (zstd): unpack it first"),
    (b"\xff\xd8\xff", "is an image (JPEG), no annotation file"),
    (b"\x89PNG", "is an image (PNG), no annotation file"),
    (b"GIF8", "is an image (GIF), no annotation file"),
    (b"RIFF", "is an image (WebP) or a sound, no annotation file"),
    (b"II*\0", "is an image (TIFF), no annotation file"),
    (b"MM\0*", "is an image (TIFF), no annotation file"),
    (b"%PDF", "is a PDF, no annotation file"),
    (b"PAR1", "is a Parquet file: COCO's annotations are JSON"),
    (b"\xff\xfe", "is in UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "is in UTF-16: save it as UTF-8"),
)

_FORMS = (
    ({"shapes", "imagePath"}, "it is LabelMe's file of one image: convert them to COCO's format first"),
    ({"_via_img_metadata"}, "it is a project of VIA: export it from there in COCO's format"),
    ({"features", "type"}, "it is GeoJSON"),
    ({"nbformat"}, "it is a notebook"),
    ({"annotations", "version", "database"}, "it is of ActivityNet's form"),
)


def check_kind(path: Path) -> None:
    """Raise SourceError for a file that by its first bytes is no JSON object, and say what it is."""
    with open_regular(path) as file:
        begin = file.read(_BEGIN)
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    for magic, what in _MAGIC:
        if begin.startswith(magic):
            raise SourceError(f"{path} {what}.")
    if not text:
        raise SourceError(f"{path} is empty: {INSTEAD}.")
    if begin[1:2] == b"\0" or begin[:1] == b"\0":
        raise SourceError(f"{path} is in UTF-16 or binary: save it as UTF-8.")
    if text.startswith(b"<"):
        kind = "a web page (HTML)" if b"<html" in text.lower() or b"<!doctype" in text.lower() else "XML"
        raise SourceError(f"{path} is {kind}, no JSON: {INSTEAD}.")
    if text.startswith(b"["):
        raise SourceError(f"{path} {_list_kind(path)}")


def other_form(keys: Collection[str]) -> str:
    """What an object without a list of images is, by its keys."""
    for form, what in _FORMS:
        if form <= set(keys):
            return what
    shown = ", ".join(repr(key) for key in sorted(keys)[:5]) or "nothing"
    return f"it has no list 'images'; it has {shown}: {INSTEAD}"


def _list_kind(path: Path) -> str:
    first = None
    try:
        with open_regular(path) as file:
            data = b'{"list": ' + file.read(1 << 20).removeprefix(b"\xef\xbb\xbf")
        import io

        first = next((v.value for v in stream_values(io.BytesIO(data), ("list",)) if v.number == 0), None)
    except (ValueError, RecursionError):
        pass  # what the list holds stays unknown
    keys = set(first) if isinstance(first, dict) else set()
    if {"image_id", "score"} <= keys or {"image_id", "caption"} == keys:
        what = "is a file of results (detections of a model): it names no images and no sizes"
    elif "image_id" in keys:
        what = "is a list of annotations alone: it names no images"
    elif "file_name" in keys:
        what = "is a list of images alone"
    else:
        what = "is a list, and COCO's annotation files are objects"
    return f"{what}. Give the whole annotation file, with 'images', 'annotations' and 'categories'."
