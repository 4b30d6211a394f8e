"""A sweep as its page shows it, and the judge of all its variants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import RunFolderError
from nst_core.judging.networks import JudgeNetwork, choose_network, made_it_too, named_network
from nst_core.manifest.pairing import Pair
from nst_core.plan.pair_table import pair_id
from nst_core.run_folder.folder import RunFolder
from nst_core.storage.secrets import redact, redact_text
from nst_core.sweep.axes import Axis
from nst_core.sweep.setting_text import run_file_lines, set_options, value_text
from nst_core.sweep.variants import Variant
from nst_core.views.sweep.sweep_table import ShownPair, ShownVariant, SweepTable, SweptKey


def sweep_judge(variants: Sequence[Variant], name: str | None = None) -> JudgeNetwork:
    """The network that judges all variants: the best that makes none of their pictures, or the one of that name.

    Raises:
        UsageError: there is no such network, or each one makes some of the pictures.
    """
    return named_network(name) if name else choose_network(_makers(variants))


def shown_sweep(
    name: str, folder: Path, axes: Sequence[Axis], variants: Sequence[Variant], pairs: Sequence[Pair], judge: str | None
) -> SweepTable:
    """The sweep with the ids of its pairs, for its page; secrets in values are masked."""
    return SweepTable(
        name,
        folder,
        tuple(SweptKey(axis.key, tuple(redact_text(value_text(value)) for value in axis.values)) for axis in axes),
        tuple(ShownPair(pair.content.path, tuple(share.item.path for share in pair.styles)) for pair in pairs),
        tuple(_shown(variant, pairs) for variant in variants),
        judge,
        judge is not None and made_it_too(named_network(judge), _makers(variants)),
    )


def _makers(variants: Sequence[Variant]) -> set[str]:
    """The networks that make the variants' pictures, or by which their transfer networks were trained."""
    return {_maker(variant.config.method.resolve()) for variant in variants}


def _maker(recipe: MethodRecipe) -> str:
    if not isinstance(recipe, TransferRecipe):
        return recipe.features
    import torch

    from nst_core.networks.sessions import open_network

    return open_network(recipe.network, "method.network", torch.device("cpu")).features


def _shown(variant: Variant, pairs: Sequence[Pair]) -> ShownVariant:
    folder, settings = variant.config.run_folder, [(key, redact(value)) for key, value in variant.settings]
    return ShownVariant(
        variant.place, folder, _pair_ids(folder, pairs), set_options(settings), run_file_lines(settings)
    )


def _pair_ids(run_folder: Path, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """The ids of the pairs in a variant's run, whose method's fingerprint is part of them; none before it begins."""
    try:
        method = RunFolder(run_folder).read_run_yaml().get("method_fingerprint")
    except RunFolderError:
        return ()
    return tuple(pair_id(pair, method) for pair in pairs) if isinstance(method, str) else ()
