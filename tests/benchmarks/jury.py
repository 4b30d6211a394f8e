"""What the networks of `nst judge` say of the benchmarks' pictures, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from pairs import SQUEEZENET
from stylized_pictures import Picture
from torch import Tensor

from nst_core.engine.quality import Judge, Quality, StyleStatistics
from nst_core.judging.networks import NETWORKS, made_it_too


class Jury:
    """Some of the networks that judge; SqueezeNet by the developers' weights where they are at hand."""

    def __init__(self, names: Sequence[str] = tuple(NETWORKS)) -> None:
        self.judges = {name: _loaded(name) for name in names}

    def style(self, name: str, style: Tensor) -> StyleStatistics:
        """What one judge compares pictures of this style by."""
        return self.judges[name].style([style])

    def verdict(self, name: str, image: Tensor, content: Tensor, style: Tensor | StyleStatistics) -> Quality:
        """What one judge says of a picture; all are (3, H, W) in [0, 1]."""
        statistics = style if isinstance(style, StyleStatistics) else self.style(name, style)
        return self.judges[name].judge(image[None], content[None], [statistics])[0]

    def means(self, pictures: Sequence[Picture]) -> dict[str, Quality]:
        """By judge, the mean over pictures."""
        return {
            name: mean_quality([self.verdict(name, p.image, p.content, p.style) for p in pictures])
            for name in self.judges
        }


def _loaded(name: str) -> Judge:
    network = NETWORKS[name]
    ours = network.weights == "imagenet" and SQUEEZENET.is_file()
    return (replace(network, weights=str(SQUEEZENET)) if ours else network).load()


def mean_quality(qualities: Sequence[Quality]) -> Quality:
    """The mean of each measure."""
    columns = [asdict(quality) for quality in qualities]
    return Quality(**{name: sum(c[name] for c in columns) / len(columns) for name in columns[0]})


def table(
    rows: Mapping[str, Mapping[str, Quality]], makers: Mapping[str, str], costs: Mapping[str, str] | None = None
) -> str:
    """Markdown: a row per method; per judge CFSD, style distance and sliced Wasserstein; SSIM and colours once.

    In brackets: the judge's network, or one trained to be like it, made the pictures.
    """
    judges = list(next(iter(rows.values())))
    heads = [f"{judge}: CFSD | style | SW" for judge in judges]
    last = [" s, evaluations, memory |", " --- |"] if costs else ["", ""]
    lines = [f"| pictures | {' | '.join(heads)} | SSIM | ΔE |{last[0]}"]
    lines.append("| --- |" + " ---: |" * (3 * len(judges) + 2) + last[1])
    for name, verdicts in rows.items():
        cells = []
        for judge, quality in verdicts.items():
            own = name in makers and made_it_too(NETWORKS[judge], [makers[name]])
            texts = (f"{x:.3f}" for x in (quality.cfsd, quality.style_distance, quality.sliced_wasserstein))
            cells += [f"({text})" if own else text for text in texts]
        first = next(iter(verdicts.values()))
        cells += [f"{first.ssim:.2f}", f"{first.colour_distance:.1f}"]
        cells += [costs.get(name, "")] if costs else []
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
