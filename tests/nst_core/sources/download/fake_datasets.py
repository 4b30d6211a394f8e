"""Small datasets as their servers have them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np
from download.fake_server import Server
from PIL import Image

ARTISTS = "id,name,years,genre,nationality,bio,wikipedia,paintings\n0,Ada Bo,1900 - 1990,Cubism,Dane,,,2\n"


def picture(seed: int, width: int = 24, height: int = 16) -> bytes:
    """A small JPEG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """An archive, deflated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def artworks(count: int = 6) -> dict[str, bytes]:
    """Kaggle's layout: a table, images, resized copies."""
    files = {"artists.csv": ARTISTS.encode()}
    for number in range(1, count + 1):
        files[f"images/images/Ada_Bo/Ada_Bo_{number}.jpg"] = picture(number, 40, 30)
        files[f"resized/resized/Ada_Bo_{number}.jpg"] = picture(number)
    return files


def coco(count: int = 6) -> dict[str, bytes]:
    """COCO's layout: annotations and images of one split; image 1 is of a cat, the others are of dogs."""
    images = [
        {
            "id": number,
            "file_name": f"{number:012}.jpg",
            "width": 24,
            "height": 16,
            "license": 1 + number % 2,
            "coco_url": f"http://images.cocodataset.org/val2017/{number:012}.jpg",
            "flickr_url": f"http://flickr.test/{number}",
        }
        for number in range(1, count + 1)
    ]
    annotations = [
        {"id": 100 + number, "image_id": number, "category_id": 1 if number == 1 else 2, "area": 9.0}
        | {"bbox": [0, 0, 3, 3], "iscrowd": 0, "segmentation": [[0, 0, 3, 0, 3, 3]]}
        for number in range(1, count + 1)
    ]
    table = {
        "info": {},
        "licenses": [
            {"id": 1, "name": "Attribution-NonCommercial-ShareAlike License", "url": "http://creativecommons.org/licenses/by-nc-sa/2.0/"},
            {"id": 2, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "images": images,
        "annotations": annotations,
    }  # fmt: skip
    files = {
        "annotations/instances_val2017.json": json.dumps(table).encode(),
        "annotations/captions_val2017.json": b"{}",
    }
    return files | {f"val2017/{number:012}.jpg": picture(number) for number in range(1, count + 1)}


def put_coco(server: Server, files: Mapping[str, bytes]) -> None:
    """Serve COCO as its own server does: the archives, and each image alone."""
    parts = {
        folder: {n: d for n, d in files.items() if n.startswith(folder)} for folder in ("annotations/", "val2017/")
    }
    server.files["/annotations/annotations_trainval2017.zip"] = zipped(parts["annotations/"])
    server.files["/zips/val2017.zip"] = zipped(parts["val2017/"])
    server.files |= {f"/{name}": data for name, data in parts["val2017/"].items()}


def put_kaggle(server: Server, dataset: str, files: Mapping[str, bytes]) -> str:
    """Serve a dataset as Kaggle does; returns the path of its archive."""
    path = f"/archives/{dataset.split('/')[1]}.zip"
    server.files[path] = zipped(files)
    server.datasets[dataset] = path
    return path
