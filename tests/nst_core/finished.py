"""A small finished run folder, made by the real engine without Prefect, with a row of every status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nst_core.chunks.work import work_of
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.plan.new_part import new_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.state import read_state
from nst_core.plan.wanted import wanted_pairs
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.results import chunk_file, read_chunk, unfinished_result, write_results
from nst_core.run_folder.run_yaml import run_yaml_data
from nst_core.run_folder.summary import summarize, write_summary


def finished_run(folder: Path, make_image: Callable[..., Path]) -> RunConfig:
    """`outputs/trial` in `folder`: 12 pairs of two artists in chunks of two.

    Of each artist's six, three are made, `broken.png` is quarantined, `copy.png` skipped, and `d.png` failed.
    """
    for number, name in enumerate("abcd"):
        make_image(folder / "content" / f"{name}.png", 48, 40, seed=number)
    (folder / "content" / "broken.png").write_text("no picture")
    (folder / "content" / "copy.png").write_bytes((folder / "content" / "a.png").read_bytes())
    for number, artist in enumerate(("Ada", "Bo")):
        make_image(folder / "style" / artist / "1.png", 48, 48, seed=10 + number)
    config = trial(folder)
    run, method = RunFolder(config.run_folder), resolve_method(config)
    wanted = wanted_pairs(config, method.fingerprints.method)
    part = new_part(config, method, wanted, run)
    run.write_run_yaml(run_yaml_data(config, method))
    run.append_plan(part.number, part_tables(part))
    for chunk in read_state(run, wanted).chunks:
        stylize_chunk(chunk, work_of(config, method))
    for row in run.read_plan():
        if row.content_id == "d.png":
            path = chunk_file(run.root, row.artist_slug, row.chunk_id)
            failed = unfinished_result(row, "failed", 3, "OutOfMemory", "Not even one image fits.")
            write_results([failed if r.pair_id == row.pair_id else r for r in read_chunk(path).values()], path)
            (run.root / row.file_name).unlink()
    write_summary(run.root, summarize(run.root, run.read_plan()))
    return config


def trial(folder: Path) -> RunConfig:
    """Small, on one thread of the CPU."""
    return parse_config(
        {
            "name": "trial",
            "content": {"source": "folder", "path": str(folder / "content"), "duplicates": "drop_exact"},
            "style": str(folder / "style"),
            "pairing": "artist",
            "method": {"recipe": "wavelet", "size": 48, "evaluations": 2},
            "execution": {"devices": "cpu", "batch_size": 2, "chunk_size": 2},
            "output": {"root": str(folder / "outputs"), "format": "png", "gallery": False, "report": False},
        }
    )
