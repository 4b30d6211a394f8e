"""Style losses as docs/recipes.md writes them, of one image and layer, in NumPy float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from nst_core.engine.terms import StyleTerm


def style_value(term: StyleTerm, number: int, maps: Any, style: Any) -> float:
    """The loss of a term at its layer of this number, for maps and the style's maps, both (N, H, W) float64."""
    f, s = (x.reshape(len(x), -1) for x in (maps, style))
    match term.loss:
        case "mmd":
            return discrepancy(term, f[:, drawn(term, f, number)], s[:, drawn(term, s, 0)])
        case "sliced":
            draws = torch.Generator().manual_seed(number)
            directions = torch.randn(len(f), len(f), generator=draws).double().numpy()
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            return sorted_error(directions @ f, directions @ s)
        case "histogram":
            return sorted_error(f, s)
        case "mrf":
            own, theirs = (patches(x, term.option("patch"), term.option("stride")) for x in (maps, style))
            lengths = np.linalg.norm(own, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)[None]
            nearest = np.argmax(own @ theirs.T / np.maximum(lengths, 1e-12), axis=1)
            return float(((own - theirs[nearest]) ** 2).mean())
    return gram_value(term.loss, f, s)


def gram_value(loss: str, f: Any, s: Any) -> float:
    (n, m_f), m_s = f.shape, s.shape[1]
    g, a = f @ f.T / m_f, s @ s.T / m_s
    energy = np.sqrt(np.diag(a)) + 1e-3
    values = {
        "gatys": ((g - a) ** 2).sum() / (4 * n**2),
        "mean": ((g / n - a / n) ** 2).mean(),
        "half_sum": ((f @ f.T - a * m_f) ** 2).sum() / 2,
        "mean_by_size": ((f @ f.T - a * m_f) ** 2).mean() / (n * m_f),
        "relative": (((g - a) / np.outer(energy, energy)) ** 2).mean(),
        "frobenius": ((g - a) ** 2).sum() / (a**2).sum(),
        "scaled": ((g - a) ** 2).sum() / (abs(g - a).sum() + 1e-8),
    }
    return float(values[loss])


def drawn(term: StyleTerm, vectors: Any, seed: int) -> Any:
    """The positions that are compared."""
    order = torch.randperm(vectors.shape[1], generator=torch.Generator().manual_seed(seed)).numpy()
    return order[: term.option("positions")]


def discrepancy(term: StyleTerm, x: Any, y: Any) -> float:
    """MMD² with the Gaussian kernel."""
    width = term.option("bandwidth") * (squares(y, y).mean() + 1e-4)
    own, across, theirs = (np.exp(-squares(*pair) / (2 * width)).mean() for pair in ((x, x), (x, y), (y, y)))
    return float(own - 2 * across + theirs)


def squares(x: Any, y: Any) -> Any:
    """‖x − y‖² of all pairs of columns."""
    return (x**2).sum(axis=0)[:, None] + (y**2).sum(axis=0)[None] - 2 * x.T @ y


def sorted_error(f: Any, s: Any) -> float:
    f, s = np.sort(f, axis=1), np.sort(s, axis=1)
    count = max(f.shape[1], s.shape[1])
    f, s = (x[:, np.arange(count) * x.shape[1] // count] for x in (f, s))
    return float(((f - s) ** 2).mean())


def patches(maps: Any, patch: int, stride: int) -> Any:
    """(P, D) of (N, H, W), row by row."""
    rows, columns = (range(0, side - patch + 1, stride) for side in maps.shape[1:])
    return np.stack([maps[:, r : r + patch, c : c + patch].ravel() for r in rows for c in columns])
