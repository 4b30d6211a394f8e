"""A run folder opened for reading, as in a notebook: its rows as tables, its pictures by row."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from nst_core.errors import UsageError
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.own_files import read_own_file
from nst_core.run_folder.plan_table import plan_columns
from nst_core.run_folder.quality import FOLDER, MEASURES, quality_file, with_quality
from nst_core.run_folder.results import SCHEMA, chunk_of, result_files
from nst_core.run_folder.results_reader import DamagedFile, read_results
from nst_core.storage.paths import parse_path

if TYPE_CHECKING:
    import pandas as pd

Row = str | Mapping[str, Any] | Any
"""A pair id, or a row of a table: a mapping, a pandas Series or named tuple; `pair_id` is what counts."""

_UNREAD = {"loss_trace"}  # a list per row: pandas reads it from the files where it is wanted


class OpenRun:
    """A run folder, read only. What other processes add is seen by the next call of `rows`.

    Attributes:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UsageError: it is no run folder."""
        RunFolder(folder).check_exists()
        self.folder = folder

    def __repr__(self) -> str:
        return f"open_run({str(self.folder)!r})"

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What run.yaml records: configuration, fingerprints, versions."""
        return RunFolder(self.folder).read_run_yaml()

    def rows(self, status: str | None = "success", columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of results, in the order of their pair ids, as an Arrow table.

        Beside the columns of the results: `content_id` of the plan, `loss_left` (the share of the loss that is left),
        and the measures of `nst judge` where the run was judged.

        Args:
            status: of the rows wanted; None for all.
            columns: the names of those wanted; None for all, but `loss_trace`.
        """
        files = list(result_files(self.folder))
        names = self._names(files) if columns is None else list(columns)
        read = list(dict.fromkeys(["pair_id", "status", "output_sha256", *names]))
        read = [name for name in read if name not in {*MEASURES, "content_id"}]
        damaged: list[DamagedFile] = []
        tables = []
        for part in read_results(files, read, damaged=damaged):
            table = part.table if status is None else part.table.filter(pc.equal(part.table["status"], status))
            if not MEASURES.keys().isdisjoint(names):
                table = with_quality(table, quality_file(self.folder, chunk_of(part.path)))
            tables.append(table)
        if damaged:
            warnings.warn(f"{len(damaged)} damaged result files of {self.folder} count as not there.", stacklevel=2)
        if not tables:
            return pa.table({name: pa.nulls(0, self._type(name)) for name in names})
        table = pa.concat_tables(tables, promote_options="default")
        table = table.take(pc.sort_indices(table, [("pair_id", "ascending")]))
        if "content_id" in names:
            table = table.append_column("content_id", self._content_ids(table["pair_id"]))
        return table.select(names)

    def frame(self, status: str | None = "success", columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The same rows as a pandas table."""
        frame: pd.DataFrame = self.rows(status, columns).to_pandas()
        return frame

    def image(self, row: Row) -> Image.Image:
        """The stylized picture of a row. Raises UsageError where it has none, OSError where its file is gone."""
        name = self._told(row)["file_name"]
        if not name:
            raise UsageError(f"The pair {self._told(row)['pair_id']} has no picture: its status says why.")
        picture = Image.open(io.BytesIO(read_own_file(self.folder, name)))
        picture.load()
        return picture

    def content(self, row: Row) -> Image.Image:
        """The photograph of a row, upright and in sRGB. Raises InputError where it is not there, or is no image."""
        return _picture(self._told(row)["content_path"])

    def styles(self, row: Row) -> list[Image.Image]:
        """The paintings of a row, upright and in sRGB; none of an unstylized one. Raises InputError as `content`."""
        return [_picture(path) for path in self._told(row)["style_paths"]]

    def _told(self, row: Row) -> dict[str, Any]:
        """File name and paths of a row, from the run folder: what a table of somebody's says is not trusted."""
        if not isinstance(row, str):
            row = row["pair_id"] if isinstance(row, Mapping) or hasattr(row, "keys") else row.pair_id
        if row not in self._places:
            self.__dict__.pop("_places")  # it may have been made since
        try:
            return self._places[str(row)]
        except KeyError:
            raise UsageError(f"{self.folder} has no row of the pair {row!r}.") from None

    @cached_property
    def _places(self) -> dict[str, dict[str, Any]]:
        rows = self.rows(None, ("pair_id", "file_name", "content_path", "style_paths")).to_pylist()
        return {row["pair_id"]: row for row in rows}

    def _names(self, files: Sequence[Path]) -> list[str]:
        """All columns but those that are left unread."""
        extras = sorted({name for part in read_results(files, ["pair_id"]) for name in part.extras})
        judged = MEASURES if (self.folder / FOLDER).is_dir() else ()
        known = [name for name in SCHEMA.names if name not in _UNREAD]
        return [*known[:1], "content_id", *known[1:], *extras, "loss_left", *judged]

    def _content_ids(self, pair_ids: pa.ChunkedArray) -> pa.Array:
        parts = [plan_columns(path, ("pair_id", "content_id")) for path in RunFolder(self.folder).plan_files()]
        if not parts:
            return pa.nulls(len(pair_ids), pa.string())
        plan = pa.concat_tables(parts)
        places = pc.index_in(pair_ids, value_set=plan["pair_id"].combine_chunks())
        return plan["content_id"].combine_chunks().take(places.combine_chunks())

    def _type(self, name: str) -> pa.DataType:
        if name in SCHEMA.names:
            return SCHEMA.field(name).type
        return pa.float64() if name == "loss_left" or name in MEASURES else pa.string()


def _picture(path: str) -> Image.Image:
    from nst_core.engine.images.limits import ImageLimits  # torch is loaded where pictures are
    from nst_core.engine.images.pixels import decode_image

    return Image.fromarray(decode_image(parse_path(path), ImageLimits()).pixels)
