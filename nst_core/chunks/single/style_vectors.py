"""The style vectors of a run file's paintings in one file, for `nst_core.transforms.Stylize`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch

from nst_core.chunks.decoding import ImageRequest, ScaledImage, read_scaled
from nst_core.config.devices import run_devices
from nst_core.config.run_config import RunConfig
from nst_core.engine.devices import resolve_precision
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import to_tensor
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.engine.transfer.session import TransferSession
from nst_core.errors import ConfigError, InputError, SourceError, UnusableEntry, UsageError
from nst_core.networks.sessions import session_for
from nst_core.networks.style_vectors import SUFFIX, StyleVectorTable, vector_length, write_style_vectors
from nst_core.plan.wanted import open_styles
from nst_core.sources.base import Item
from nst_core.sources.left_out import catalogue_notes
from nst_core.storage.atomic import check_writable
from nst_core.storage.machine import cores
from nst_core.storage.progress import Progress
from nst_core.storage.web_access import begin_run


@dataclass(frozen=True)
class LeftOutStyle:
    """A painting that has no vector in the file, and why."""

    style_id: str
    reason: str


@dataclass(frozen=True)
class StylesReport:
    """What came of the paintings.

    Attributes:
        written: vectors in the file; `length`: numbers in each.
        excluded: paintings that the run file leaves out, by their licence or as duplicates.
        left_out: paintings that cannot be used.
        notes: sentences on the source; `unreadable`: on folders within it.
    """

    written: int
    length: int
    network: str
    weights_sha256: str
    excluded: int
    left_out: tuple[LeftOutStyle, ...]
    notes: tuple[str, ...]
    unreadable: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every painting that is wanted is in the file."""
        return not self.left_out and not self.unreadable


def collect_styles(config: RunConfig, output: Path, progress: Progress | None = None) -> StylesReport:
    """Write the vectors of all paintings of the style source; those that cannot be used are left out, and named.

    Args:
        config: style, method and execution are used. `threads: auto` leaves torch's own number of CPU threads.
        progress: called with the paintings done and their total.

    Raises:
        UsageError: the output's name is wrong, or its folder cannot be written.
        ConfigError: the method is no transfer network, or has no style vectors.
        WeightsError: its network is not here, or not what it should be.
        SourceError: there is no painting that can be used; nothing is written then.
        DiskFull: no space is left; an earlier file is as it was.
    """
    recipe = _checked_recipe(config.method.resolve())
    _check_output(output)
    if config.execution.threads != "auto":
        torch.set_num_threads(config.execution.threads)
    device = run_devices(config.execution)[0]
    session = session_for(resolve_precision(recipe, device), device)
    assert isinstance(session, TransferSession)  # by its recipe
    length = vector_length(session.network, device)
    if not length:
        raise ConfigError(
            f"The network of the run file, of the kind {session.network.title}, has no style vectors: it knows one "
            "style. Give it to Stylize as it is, without styles."
        )
    begin_run(config.execution.allow_private_addresses)
    styles = open_styles(config)
    wanted, notes = styles.drawable(), tuple(catalogue_notes(styles.catalogue, "style"))
    excluded = len(styles.catalogue.items) - len(wanted.items)
    rows, left_out = _vectors(wanted.items, config.style.limits(), session, progress)
    if not rows:
        reason = f": {left_out[0].reason}" if left_out else ""
        raise SourceError(f"The style source has no painting that can be used{reason}.")
    items, hashes, vectors = zip(*rows, strict=True)
    write_style_vectors(
        StyleVectorTable(
            tuple(item.id for item in items),
            tuple(item.artist for item in items),
            hashes,
            torch.stack(vectors).numpy(),
            session.network.title,
            session.network.weights_sha256,
            recipe.style_fit(recipe.size),
        ),
        output,
    )
    return StylesReport(
        len(rows), length, session.network.title, session.network.weights_sha256, excluded, tuple(left_out), notes,
        styles.catalogue.unreadable,
    )  # fmt: skip


def _checked_recipe(recipe: MethodRecipe) -> TransferRecipe:
    if not isinstance(recipe, TransferRecipe):
        raise ConfigError(
            f"The method of the run file, {recipe.name}, is an optimisation, which has no style vectors: set method to "
            "a transfer network, as in {kind: transfer, network: quick}."
        )
    if recipe.colour == "content":
        raise ConfigError("Style vectors are of paintings alone: leave out method.colour, which is of the content.")
    return recipe


def _check_output(output: Path) -> None:
    if output.suffix.lower() != SUFFIX:
        raise UsageError(f"--output {output}: the name must end in {SUFFIX}.")
    if output.is_dir():
        raise UsageError(f"--output {output}: this is a folder.")
    check_writable(output.parent)


def _vectors(
    items: Sequence[Item], limits: ImageLimits, session: TransferSession, progress: Progress | None
) -> tuple[list[tuple[Item, str, torch.Tensor]], list[LeftOutStyle]]:
    """Item, hash and vector of each painting that can be used, and the others."""
    rows, left_out = [], []
    for number, (item, image) in enumerate(_decoded(items, limits, session), start=1):
        if isinstance(image, InputError):
            left_out.append(LeftOutStyle(item.id, image.reason))
        else:
            vector = _vector(image, session)
            if bool(vector.isfinite().all()):
                rows.append((item, image.sha256, vector))
            else:
                left_out.append(LeftOutStyle(item.id, "its style vector holds values that are not finite"))
        if progress:
            progress(number, len(items))
    return rows, left_out


def _vector(image: ScaledImage, session: TransferSession) -> torch.Tensor:
    target = session.unkept_target(lambda: session.style_target(to_tensor(image.pixels).to(session.device)))
    assert target.vector is not None  # of a transfer network
    return target.vector.float().cpu()


def _decoded(
    items: Sequence[Item], limits: ImageLimits, session: TransferSession
) -> Iterator[tuple[Item, ScaledImage | InputError]]:
    """The paintings in order, some read ahead. Raises OSError for what is no fault of a painting."""
    fit, needed = session.recipe.style_fit(session.recipe.size), session.least_sides.style

    def read(item: Item) -> ScaledImage | InputError:
        try:
            if item.fault:
                raise UnusableEntry(item.path, item.fault)
            return read_scaled(ImageRequest(item.path, limits, fit, needed))
        except InputError as error:
            return error

    threads, remaining = cores(), iter(items)
    pool = ThreadPoolExecutor(threads, "decode")
    try:
        ahead: deque[tuple[Item, Future[ScaledImage | InputError]]] = deque()
        ahead.extend((item, pool.submit(read, item)) for item in islice(remaining, 2 * threads))
        while ahead:
            item, future = ahead.popleft()
            image = future.result()
            ahead.extend((following, pool.submit(read, following)) for following in islice(remaining, 1))
            yield item, image
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
