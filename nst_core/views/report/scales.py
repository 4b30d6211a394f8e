"""Whether the losses of matched pairs have one scale: how images are saved and computed does not change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nst_core.run_folder.folder import METHODS

_OF_LOSSES = ("version", "method", "weights_sha256")
_PRECISION = "precision"


def same_scale(fingerprints: Iterable[tuple[str, str]], run_files: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the losses of every pair can be compared as they are.

    Args:
        fingerprints: of the methods that made a pair here and there, for each pair.
        run_files: of both runs; they tell what the fingerprints stand for. Those that they do not tell must be equal.
    """
    known = {fingerprint: _of_losses(data) for told in run_files for fingerprint, data in _methods(told)}
    return all(
        here == there or (here in known and there in known and known[here] == known[there])
        for here, there in set(fingerprints)
    )


def _methods(run_file: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a folder's fingerprints stand for: that of its one method, or those of its rows."""
    one, many = run_file.get("method_fingerprint_data"), run_file.get(METHODS)
    told = many if isinstance(many, Mapping) else {}
    for fingerprint, data in {**told, run_file.get("method_fingerprint"): one}.items():
        if isinstance(fingerprint, str) and isinstance(data, Mapping):
            yield fingerprint, data


def _of_losses(data: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: data.get(key) for key in _OF_LOSSES}
    if isinstance(told["method"], Mapping):
        told["method"] = {key: value for key, value in told["method"].items() if key != _PRECISION}
    return told
