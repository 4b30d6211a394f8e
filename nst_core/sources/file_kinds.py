"""What the name of a file or folder tells of it: an image, one of the system's own, or something else."""

from __future__ import annotations

import os
import re

from nst_core.engine.images.suffixes import IMAGE_SUFFIXES, NEAR_IMAGE_SUFFIXES

SYSTEM_FOLDERS = frozenset(
    {
        "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",  # network storage
        "$recycle.bin", "system volume information", "lost+found", "__macosx", "network trash folder",
        ".thumbnails", ".thumb", ".trash", ".trashes", ".appledouble", ".spotlight-v100", ".fseventsd",
        ".temporaryitems", ".ipynb_checkpoints", ".picasaoriginals", ".dtrash",
    }
)  # fmt: skip
"""Folders that systems, network storage and programs keep for themselves, in lower case."""

SYSTEM_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", ".ds_store", "icon\r", ".picasa.ini", "picasa.ini",
     ".localized", ".apdisk", ".directory", ".nomedia"}
)  # fmt: skip
"""The same of files."""

_OF_OTHER_KINDS = frozenset(
    {
        # text and code
        ".txt", ".md", ".rst", ".log", ".html", ".htm", ".css", ".js", ".py", ".ipynb", ".sh", ".c", ".h",
        ".cpp", ".java", ".url", ".lnk", ".webloc",
        # tables and settings
        ".xml", ".json", ".jsonl", ".ndjson", ".geojson", ".csv", ".tsv", ".xls", ".xlsx", ".ods", ".parquet",
        ".arrow", ".feather", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".db", ".sqlite", ".lock",
        ".xmp",
        # arrays and models
        ".npy", ".npz", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".h5", ".hdf5",
        ".mat", ".bin", ".lmdb", ".mdb", ".rec", ".idx", ".tfrecord",
        # archives and documents
        ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".pdf", ".doc", ".docx", ".odt",
        ".ppt", ".pptx", ".torrent", ".md5", ".sha256", ".sha1",
        # films, sounds and others
        ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".mp3", ".wav", ".flac",
        ".ogg", ".m4a", ".aac", ".srt", ".vtt", ".ttf", ".otf", ".obj", ".ply", ".stl",
        # downloads that are not complete
        ".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp", ".temp", ".swp",
    }
)  # fmt: skip
"""Suffixes of files that are never opened to see whether they are images."""

_NOT_A_SUFFIX = re.compile(r"\s|.{12}")


_OF_IMAGES = IMAGE_SUFFIXES | NEAR_IMAGE_SUFFIXES


def is_image_name(name: str) -> bool:
    """Whether a file counts as an image by its name; formats that cannot be read count, so that they are reported."""
    return not name.startswith(".") and suffix_of(name) in _OF_IMAGES


def is_of_other_kind(name: str) -> bool:
    """Whether a file is no image by its name; where neither this nor `is_image_name` holds, its content tells."""
    return suffix_of(name) in _OF_OTHER_KINDS


def is_system_folder(name: str) -> bool:
    """Whether a folder has the name of one that a system or a program keeps for itself."""
    return name.casefold() in SYSTEM_FOLDERS or name.startswith("._")


def is_system_file(name: str) -> bool:
    """The same of a file; `._x.jpg` is what macOS keeps beside `x.jpg` on other systems' disks."""
    return name.casefold() in SYSTEM_FILES or name.startswith("._")


def is_hidden(name: str) -> bool:
    return name.startswith(".")


def suffix_of(name: str) -> str:
    """The lower-case suffix of a name; a Path for each of 100 000 names would take seconds."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def kind_of(name: str) -> str:
    """The suffix as a kind of files, `no suffix` where there is none (or none that could be one)."""
    suffix = suffix_of(name)
    return "no suffix" if len(suffix) < 2 or _NOT_A_SUFFIX.search(suffix) else suffix
