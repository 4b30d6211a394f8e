"""Where the positions of feature maps lie in what they are computed from: windows, receptive fields, sections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Window:
    """A convolution or a pooling along each side of a map.

    Attributes:
        size, stride, padding: of the window, in positions of its input.
        incomplete: whether a window at the end may lack a part (`ceil_mode`).
    """

    size: int = 1
    stride: int = 1
    padding: int = 0
    incomplete: bool = False

    def side(self, side: int) -> int:
        """The side of the output for that of the input; 0 or less: the input is too small."""
        beyond = side + 2 * self.padding - self.size
        return (-(-beyond // self.stride) if self.incomplete else beyond // self.stride) + 1


@dataclass(frozen=True)
class Reach:
    """What a map sees, along each side, through windows one after the other.

    Position p depends on the input from `p · stride − before` to `p · stride + after`, both included.
    """

    windows: tuple[Window, ...] = ()

    @property
    def stride(self) -> int:
        return self._extent()[0]

    @property
    def before(self) -> int:
        return self._extent()[1]

    @property
    def after(self) -> int:
        return self._extent()[2]

    def side(self, side: int) -> int:
        """The side of the map for that of the input."""
        for window in self.windows:
            side = window.side(side)
        return side

    def then(self, *windows: Window) -> Reach:
        """What is seen through further windows."""
        return Reach((*self.windows, *windows))

    def _extent(self) -> tuple[int, int, int]:
        stride, before, after = 1, 0, 0
        for window in self.windows:
            before += window.padding * stride
            after += (window.size - 1 - window.padding) * stride
            stride *= window.stride
        return stride, before, after


@dataclass(frozen=True)
class NetworkSection:
    """A part of a network that can be computed by itself, from a picture or from the map where the part before ends.

    Attributes:
        run: the input, (B, C, h, w), to the maps in `reaches`.
        reaches: of each map that is wanted, and of `end`, what it sees of the input.
        end: the map that the next section begins with; None in the last one.
    """

    run: Callable[[Tensor], Mapping[str, Tensor]]
    reaches: Mapping[str, Reach]
    end: str | None = None
