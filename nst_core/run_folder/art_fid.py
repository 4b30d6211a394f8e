"""ArtFID of a run, `quality/artfid.parquet`: a row per artist and subject, those of the whole run without an artist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.run_folder.quality import FOLDER
from nst_core.storage.atomic import atomic_path


@dataclass(frozen=True)
class ArtFid:
    """`artfid = (1 + lpips) · (1 + fid)` of a set of pictures (Wright, Ommer 2022).

    Attributes:
        artist: None for the whole run.
        subject: `result`; or `content` or `style`, which were measured in the results' place.
        pictures, paintings: how many were compared; each painting counts as often as pictures used it.
        lpips: mean LPIPS distance of the pictures to their contents.
        fid: Fréchet distance of the pictures' features to those of the paintings.
        network_sha256: of the file of the network.
        size: the longest side, in pixels, at which they were compared.
    """

    artist: str | None
    subject: str
    pictures: int
    paintings: int
    lpips: float
    fid: float
    artfid: float
    network_sha256: str
    size: int
    judged_at: datetime


SCHEMA = pa.schema(
    [
        ("artist", pa.string()),
        ("subject", pa.string()),
        ("pictures", pa.int32()),
        ("paintings", pa.int32()),
        ("lpips", pa.float64()),
        ("fid", pa.float64()),
        ("artfid", pa.float64()),
        ("network_sha256", pa.string()),
        ("size", pa.int32()),
        ("judged_at", pa.timestamp("us", tz="UTC")),
    ]
)


def art_fid_file(run_folder: Path) -> Path:
    """The path of a run's ArtFID."""
    return run_folder / FOLDER / "artfid.parquet"


def write_art_fid(run_folder: Path, rows: Sequence[ArtFid]) -> None:
    """Write the rows in place of earlier ones, atomically."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
    with atomic_path(art_fid_file(run_folder)) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
