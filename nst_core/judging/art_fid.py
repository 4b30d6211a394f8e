"""ArtFID of a run and of each of its artists: a number of many pictures, not of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from nst_core.engine.art_networks import SMALLEST, ArtInception, Lpips, art_inception, frechet_distance, lpips
from nst_core.engine.devices import resolve_device
from nst_core.engine.images.pixels import Pixels, to_tensor
from nst_core.errors import InputError, StorageRefused, UsageError
from nst_core.judging.pictures import JudgedPair, PairPictures, read_pictures, style_as_picture
from nst_core.run_folder.art_fid import ArtFid, write_art_fid
from nst_core.storage.progress import Progress

SIZE = 512
"""The longest side, in pixels, at which pictures are compared: that of the source's pictures."""

LEAST = 2
"""Pictures and paintings that a covariance needs."""

SUBJECTS = ("result", "content", "style")


@dataclass(frozen=True)
class _Seen:
    """A pair as the networks see it.

    Attributes:
        features: by subject, (2048,).
        distances: by subject, LPIPS to the content.
        styles: the keys of its paintings.
    """

    artist: str | None
    features: Mapping[str, Tensor]
    distances: Mapping[str, float]
    styles: tuple[str, ...]


class ArtFidMeasurement:
    """ArtFID with the network of a file.

    Args:
        network: the path of `art_inception.pth`.

    Raises:
        WeightsError: it is not that network, or those of LPIPS are not to be had.
    """

    def __init__(self, network: Path, device: str = "auto") -> None:
        self._device = resolve_device(device)
        self._inception: ArtInception = art_inception(network).to(self._device)
        self._lpips: Lpips = lpips().to(self._device)
        self._paintings: dict[str, Tensor] = {}

    def measure(
        self,
        run_folder: Path,
        pairs: Sequence[JudgedPair],
        progress: Progress = lambda done, total: None,
    ) -> list[ArtFid]:
        """Measure a run, write its file, and return its rows: of the run, then of each artist with enough pictures.

        Args:
            pairs: the finished pairs that have a style. Those that cannot be read are left out.

        Raises:
            UsageError: there are too few pictures or paintings.
        """
        seen = []
        for number, pair in enumerate(pairs, start=1):
            pictures = _pictures(pair)
            if pictures is not None:
                seen.append(self._look_at(pictures))
            progress(number, len(pairs))
        rows = [*self._rows(None, seen)]
        if not rows:
            raise UsageError(
                f"ArtFID compares sets of pictures: it needs {LEAST} finished pictures and {LEAST} paintings at least, "
                f"and {run_folder} has {len(seen)} and {len({name for one in seen for name in one.styles})}."
            )
        for artist in sorted({one.artist for one in seen if one.artist}):
            rows += self._rows(artist, [one for one in seen if one.artist == artist])
        write_art_fid(run_folder, rows)
        return rows

    def _look_at(self, pictures: PairPictures) -> _Seen:
        subjects = {"result": pictures.result, "content": pictures.content, "style": style_as_picture(pictures)}
        images = torch.stack([to_tensor(subjects[name]) for name in SUBJECTS]).to(self._device)
        features = self._inception(images).cpu()
        distances = self._lpips(images, images[1:2].expand_as(images)).tolist()
        for path, style in zip(pictures.pair.style_paths, pictures.styles, strict=True):
            if path not in self._paintings:
                self._paintings[path] = self._features(style)
        return _Seen(
            pictures.pair.artist,
            dict(zip(SUBJECTS, features, strict=True)),
            dict(zip(SUBJECTS, distances, strict=True)),
            pictures.pair.style_paths,
        )

    def _features(self, pixels: Pixels) -> Tensor:
        features: Tensor = self._inception(to_tensor(pixels)[None].to(self._device))[0].cpu()
        return features

    def _rows(self, artist: str | None, seen: Sequence[_Seen]) -> Iterable[ArtFid]:
        """A row per subject; none where there are too few pictures or paintings."""
        uses = Counter(name for one in seen for name in one.styles)
        if len(seen) < LEAST or len(uses) < LEAST:
            return
        paintings = torch.stack([self._paintings[name] for name in sorted(uses.elements())])
        for subject in SUBJECTS:
            distance = sum(one.distances[subject] for one in seen) / len(seen)
            fid = frechet_distance(torch.stack([one.features[subject] for one in seen]), paintings)
            yield ArtFid(
                artist, subject, len(seen), len(uses), distance, fid, (1 + distance) * (1 + fid),
                self._inception.weights_sha256, SIZE, datetime.now(UTC),
            )  # fmt: skip


def _pictures(pair: JudgedPair) -> PairPictures | None:
    try:
        return read_pictures(pair, SMALLEST, SIZE)
    except (InputError, StorageRefused, UsageError, OSError):
        return None  # `judge_run` says of which, and why
