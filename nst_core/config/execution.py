"""The section `execution` of a run file: on what a run is made, and how fast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from nst_core.config.section import Section
from nst_core.engine.tiling.settings import Tiling
from nst_core.storage.disk import format_bytes, parse_bytes

LEAST_MEMORY = 100 * 10**6
"""Bytes that `execution.memory` must give; no network fits into less."""


class Execution(Section):
    """How the work is done; none of it changes a plan or a fingerprint."""

    runner: Literal["auto", "thread", "process", "ray", "dask"] = Field(
        "auto",
        description="Where chunks are made: threads of this process, processes of this machine, or a cluster of Ray or "
        "Dask. `auto`: threads on the CPU, processes on GPUs.",
    )
    workers: PositiveInt | Literal["auto"] = Field(
        "auto", description="Chunks at a time: as many as there are cores (CPU) or one per device."
    )
    threads: PositiveInt | Literal["auto"] = Field(
        "auto",
        description="CPU threads per worker; `auto` is 1, which makes results independent of the number of cores. "
        "(`nst stylize`, with its single image, uses all.)",
    )
    devices: Literal["auto", "cpu"] | list[NonNegativeInt] = Field(
        "auto", description="`auto` (all GPUs, else the CPU), `cpu`, or a list of GPUs by number, such as `[0, 1]`."
    )
    address: str | None = Field(
        None, description="Of the Ray or Dask cluster; by default one is started on this machine for the run."
    )
    chunk_size: PositiveInt | Literal["auto"] = Field(
        "auto",
        description="Pairs per chunk, the unit of retry and of Parquet files: about 45 s of one worker's work, and not "
        "more than some 1 500 chunks.",
    )
    chunk_deadline: PositiveInt | None = Field(
        3600, description="Seconds that one try of a chunk may take: what it finished is kept, the rest tried again."
    )
    batch_size: PositiveInt | Literal["auto"] = Field("auto", description="Pairs that are optimised at once.")
    memory: str = Field(
        "auto",
        description="Memory that the process that computes may take, or that it may take of its GPU, with its unit: "
        "`3GiB`, `800MB`. It decides batches, tiles and, on a CPU, workers. `auto`: a share of what is free.",
    )
    tile: Annotated[int, Field(ge=64)] | Literal["auto", "none"] = Field(
        "auto",
        description="Side, in pixels, of the tiles in which large pictures are computed; the picture is the same, but "
        "for rounding. `auto`: in tiles, as large as memory allows, where one picture does not fit into it; `none`: "
        "never. Not with regions. See performance.md.",
    )
    retries: NonNegativeInt = Field(2, description="Further tries of a chunk after a transient error.")
    resume: Literal["if-possible", "never", "always"] = Field(
        "if-possible",
        description="Whether to go on in a run folder that is there already: `never` refuses one that holds a plan, "
        "`always` one that holds none.",
    )
    report_every: PositiveInt = Field(10, description="Evaluations between two looks from the host.")
    allow_private_addresses: bool = Field(
        False,
        description="Whether addresses inside the network may be asked where only data name them (a manifest, COCO's "
        "annotations), and data may name URLs of any kind. What the run file itself names needs no permission.",
    )
    evaluation: Literal["eager", "graph", "compile"] = Field(
        "eager",
        description="`eager`; `graph`: each batch's evaluation captured as a CUDA graph; `compile`: fused by "
        "torch.compile, anew for every shape (minutes).",
    )

    @field_validator("memory")
    @classmethod
    def _with_unit(cls, text: str) -> str:
        if text != "auto" and parse_bytes(text) < LEAST_MEMORY:
            raise ValueError(f"must be {format_bytes(LEAST_MEMORY)} or more")
        return text

    @property
    def memory_bytes(self) -> int | None:
        """The memory of a worker; None where it is left open."""
        return None if self.memory == "auto" else parse_bytes(self.memory)

    @property
    def tiling(self) -> Tiling:
        """When pictures are computed tile by tile, as the engine takes it."""
        return Tiling(self.tile, self.memory_bytes)
