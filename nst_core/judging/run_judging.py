"""`nst judge`: the quality of a run's pictures, chunk after chunk; what is judged already is not judged again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from nst_core.engine.cache import Cache
from nst_core.engine.devices import is_out_of_memory, resolve_device
from nst_core.engine.images.pixels import to_tensor
from nst_core.engine.quality import Judge, Quality, StyleStatistics
from nst_core.errors import InputError, StorageRefused, UsageError
from nst_core.judging.art_fid import ArtFidMeasurement
from nst_core.judging.networks import JudgeNetwork, choose_network, made_it_too, named_network
from nst_core.judging.pictures import JUDGE_SIZE, JudgedPair, PairPictures, read_pictures, style_as_picture
from nst_core.run_folder.art_fid import ArtFid
from nst_core.run_folder.content_fit import cropping_fit
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.quality import (
    baselines_file,
    medians,
    quality_file,
    read_baselines,
    read_quality,
    read_quality_file,
    write_quality,
)
from nst_core.run_folder.results import chunk_of, result_files
from nst_core.run_folder.results_reader import DamagedFile, read_results, successes
from nst_core.run_folder.style_columns import relative_shares
from nst_core.storage.progress import Progress

BASELINE_PAIRS = 8
"""Pairs whose content and style are judged in the result's place."""

BATCH = 8
"""Pictures of one shape that pass the network together, at most."""

_STYLES_KEPT = 64
_READERS, _READ_AHEAD = 4, 16
_COLUMNS = (
    "pair_id", "status", "content_path", "style_paths", "style_shares", "file_name", "features", "output_sha256",
    "artist", "fingerprint", "size",
)  # fmt: skip


@dataclass(frozen=True)
class LeftOutPicture:
    """A picture that could not be judged."""

    pair_id: str
    file_name: str
    reason: str


@dataclass(frozen=True)
class RunQuality:
    """What became of a run's judging.

    Attributes:
        judge: the network's name.
        is_maker: whether that network made pictures of this run itself.
        judged: pictures with a row by this judge; `new` of them by this call.
        unstylized: finished pairs without a style, which are not judged.
        left_out: pictures that cannot be judged.
        medians: by measure, of the judged results.
        baselines: by subject (`content`, `style`) and measure, the medians over some pairs.
        art_fid: of the run and of its artists, where their network was given.
    """

    run_folder: Path
    judge: str
    is_maker: bool
    judged: int
    new: int
    unstylized: int
    left_out: tuple[LeftOutPicture, ...]
    medians: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    art_fid: tuple[ArtFid, ...] = ()


def judge_run(
    run_folder: Path,
    judge: str | None = None,
    device: str = "auto",
    progress: Progress = lambda done, total: None,
    art_network: Path | None = None,
) -> RunQuality:
    """Judge every finished picture of a run that has not been judged yet, as its file is now.

    Rows go to `quality/`, a file per chunk as it is done: after an interruption the same call goes on.

    Args:
        judge: the name of a network; by default the best one that made none of the pictures.
        progress: called with pictures judged and their total.
        art_network: the file of ArtFID's network, to measure that too: anew at every call.

    Raises:
        UsageError: there is no such judge, or nothing to judge.
        WeightsError: the judge's weights are not to be had, or ArtFID's network is another.
    """
    RunFolder(run_folder).check_exists()
    art_fid = ArtFidMeasurement(art_network, device) if art_network else None  # refused before hours of judging
    chunks = _chunks(run_folder)
    pairs = [pair for chunk in chunks.values() for pair in chunk]
    if not pairs:
        raise UsageError(f"{run_folder} has no pictures yet: there is nothing to judge.")
    made_by = {pair.features for pair in pairs if pair.features}
    network = named_network(judge) if judge else choose_network(made_by)
    run = _RunJudging(run_folder, network, device, progress, sum(1 for pair in pairs if pair.style_paths))
    for chunk_id, chunk in chunks.items():
        run.judge_chunk(chunk_id, chunk)
    run.judge_baselines(pairs)
    measured = art_fid.measure(run_folder, [pair for pair in pairs if pair.style_paths]) if art_fid else ()
    return RunQuality(
        run_folder,
        network.name,
        made_it_too(network, made_by),
        run.judged,
        run.new,
        sum(1 for pair in pairs if not pair.style_paths),
        tuple(run.left_out),
        medians(read_quality(run_folder).to_pylist()),
        read_baselines(run_folder),
        tuple(measured),
    )


class _RunJudging:
    """One call of `judge_run`; the network is loaded when the first picture needs it."""

    def __init__(self, run_folder: Path, network: JudgeNetwork, device: str, progress: Progress, total: int) -> None:
        self._run_folder, self._network = run_folder, network
        self._device = resolve_device(device)
        self._progress, self._total = progress, total
        self._judge: Judge | None = None
        self._styles: Cache[StyleStatistics] = Cache(_STYLES_KEPT)
        self.judged = self.new = 0
        self.left_out: list[LeftOutPicture] = []

    def judge_chunk(self, chunk_id: str, pairs: Sequence[JudgedPair]) -> None:
        """Judge the pictures of a chunk that have no row yet, and write its file."""
        path = quality_file(self._run_folder, chunk_id)
        kept = {row["pair_id"]: row for row in read_quality_file(path).to_pylist() if self._is_by_this_judge(row)}
        records, missing = list[Mapping[str, Any]](), list[JudgedPair]()
        for pair in pairs:
            row = kept.get(pair.pair_id)
            if row is not None and row["output_sha256"] == pair.output_sha256:
                records.append(row)
            elif pair.style_paths:
                missing.append(pair)
        self._advance(len(records))
        if not missing and len(kept) == len(records):
            return
        for pictures, quality in self._qualities(missing, lambda pictures: pictures.result):
            records.append(self._record(pictures.pair, "result", quality, pictures.output_sha256))
            self.new += 1
        write_quality(records, path)

    def judge_baselines(self, pairs: Iterable[JudgedPair]) -> None:
        """Judge some pairs' content and style in the result's place, unless this judge has done so."""
        path = baselines_file(self._run_folder)
        unusable = {one.pair_id for one in self.left_out}
        usable = (pair for pair in pairs if pair.style_paths and pair.pair_id not in unusable)
        chosen = sorted(usable, key=lambda pair: pair.pair_id)[:BASELINE_PAIRS]
        rows = [row for row in read_quality_file(path).to_pylist() if self._is_by_this_judge(row)]
        if {(row["pair_id"], row["output_sha256"]) for row in rows} == {(p.pair_id, p.output_sha256) for p in chosen}:
            return
        subjects = {"content": lambda pictures: pictures.content, "style": style_as_picture}
        records = [
            self._record(pictures.pair, subject, quality, pictures.output_sha256)
            for subject, picture in subjects.items()
            for pictures, quality in self._qualities(chosen, picture, baseline=True)
        ]
        write_quality(records, path)

    def _qualities(
        self, pairs: Sequence[JudgedPair], picture: Any, baseline: bool = False
    ) -> Iterator[tuple[PairPictures, Quality]]:
        """Judge one picture of each pair; pairs of one shape go through the network together."""
        waiting: dict[tuple[int, ...], list[PairPictures]] = {}
        for pictures in self._read(pairs, baseline):
            batch = waiting.setdefault(pictures.result.shape, [])
            batch.append(pictures)
            if len(batch) == BATCH:
                yield from self._judged(waiting.pop(pictures.result.shape), picture, baseline)
        for batch in waiting.values():
            yield from self._judged(batch, picture, baseline)

    def _read(self, pairs: Sequence[JudgedPair], baseline: bool) -> Iterator[PairPictures]:
        """The pictures of pairs, read ahead; pairs of which one cannot be read are left out."""
        if not pairs:
            return
        smallest = self._loaded().extractor.min_side((self._network.content_layer, *self._network.style_layers))
        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(pairs), _READ_AHEAD):
                some = pairs[start : start + _READ_AHEAD]
                for pair, found in zip(some, pool.map(lambda pair: _pictures(pair, smallest), some), strict=True):
                    if isinstance(found, PairPictures):
                        yield found
                    elif not baseline:
                        self.left_out.append(LeftOutPicture(pair.pair_id, pair.file_name, found))
                        self._advance(1, judged=False)

    def _judged(
        self, batch: Sequence[PairPictures], picture: Any, baseline: bool
    ) -> Iterator[tuple[PairPictures, Quality]]:
        judge, device = self._loaded(), self._device
        images = torch.stack([to_tensor(picture(pictures)) for pictures in batch]).to(device)
        contents = torch.stack([to_tensor(pictures.content) for pictures in batch]).to(device)
        try:
            qualities = judge.judge(images, contents, [self._style(pictures) for pictures in batch])
        except RuntimeError as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
            half = len(batch) // 2
            yield from self._judged(batch[:half], picture, baseline)
            yield from self._judged(batch[half:], picture, baseline)
            return
        if not baseline:
            self._advance(len(batch))
        yield from zip(batch, qualities, strict=True)

    def _style(self, pictures: PairPictures) -> StyleStatistics:
        key = (pictures.pair.style_paths, pictures.pair.style_shares, tuple(x.shape for x in pictures.styles))
        kept = self._styles.get(key)
        if kept is not None:
            return kept
        styles = [to_tensor(style).to(self._device) for style in pictures.styles]
        return self._styles.keep(key, self._loaded().style(styles, relative_shares(pictures.pair.style_shares)))

    def _loaded(self) -> Judge:
        if self._judge is None:
            self._judge = self._network.load()
            self._judge.extractor.to(self._device)
        return self._judge

    def _is_by_this_judge(self, row: Mapping[str, Any]) -> bool:
        return bool(row["judge"] == self._network.name and row["judge_size"] == JUDGE_SIZE)

    def _record(self, pair: JudgedPair, subject: str, quality: Quality, sha256: str) -> dict[str, Any]:
        return {
            "pair_id": pair.pair_id,
            "judge": self._network.name,
            "subject": subject,
            **asdict(quality),
            "judge_sha256": self._loaded().extractor.weights_sha256,
            "judge_size": JUDGE_SIZE,
            "output_sha256": sha256,
            "judged_at": datetime.now(UTC),
        }

    def _advance(self, pictures: int, judged: bool = True) -> None:
        self.judged += pictures if judged else 0
        self._progress(self.judged + len(self.left_out), self._total)


def _chunks(run_folder: Path) -> dict[str, list[JudgedPair]]:
    """The finished pairs of every chunk; damaged files of results count as not there."""
    chunks: dict[str, list[JudgedPair]] = {}
    damaged: list[DamagedFile] = []
    run_yaml = RunFolder(run_folder).read_run_yaml()
    for part in read_results(result_files(run_folder), _COLUMNS, reduce=successes, damaged=damaged):
        chunks.setdefault(chunk_of(part.path), []).extend(
            _pair(run_folder, record, run_yaml) for record in part.table.to_pylist()
        )
    return chunks


def _pair(run_folder: Path, record: Mapping[str, Any], run_yaml: Mapping[str, Any]) -> JudgedPair:
    return JudgedPair(
        run_folder,
        record["pair_id"] or "",
        record["content_path"] or "",
        tuple(record["style_paths"]),
        tuple(record["style_shares"]),
        record["file_name"] or "",
        record["features"],
        record["output_sha256"],
        record["artist"],
        cropping_fit(run_yaml, record["fingerprint"], record["size"]),
    )


def _pictures(pair: JudgedPair, smallest: int) -> PairPictures | str:
    """The pictures of a pair, or why they cannot be judged."""
    try:
        return read_pictures(pair, smallest)
    except (InputError, StorageRefused, UsageError) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
