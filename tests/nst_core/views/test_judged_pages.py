"""Gallery and report of a run whose pictures have been judged."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shown import done, write

from nst_core.run_folder.quality import MEASURES, baselines_file, quality_file, write_quality
from nst_core.views.gallery import build_gallery
from nst_core.views.report import build_report


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Three finished pairs of one artist, of which `a` and `b` are judged: `b` is nearer to the style."""
    folder = tmp_path / "run"
    rows = [done(folder, name, output_sha256=name * 64) for name in "abc"]
    write(folder, rows)
    judge(
        folder, {rows[0].pair_id: ("a" * 64, 0.8), rows[1].pair_id: ("b" * 64, 0.2), rows[2].pair_id: ("0" * 64, 0.1)}
    )
    return folder


def judge(folder: Path, values: dict[str, tuple[str, float]]) -> None:
    def row(pair_id: str, subject: str, sha256: str, value: float) -> dict[str, object]:
        judged = {"pair_id": pair_id, "judge": "wavelet", "subject": subject, "output_sha256": sha256}
        return judged | dict.fromkeys(MEASURES, value) | {"judge_size": 256, "judged_at": datetime.now(UTC)}

    results = [row(pair_id, "result", sha256, value) for pair_id, (sha256, value) in values.items()]
    write_quality(results, quality_file(folder, "0000"))
    write_quality([row("x", "content", "", 0.9), row("x", "style", "", 0.05)], baselines_file(folder))


def items(page: Path) -> dict[str, list[float | None]]:
    text = (page.parent / "ada" / "items.js").read_text()
    found = json.loads(text.removeprefix("nstItems(").removesuffix(");\n"))
    return dict(found)


def test_the_gallery_can_be_sorted_by_what_the_judge_said(run: Path) -> None:
    shown = items(build_gallery([run]))
    assert dict(zip(shown["names"], shown["style_distance"], strict=True)) == {"a": 0.8, "b": 0.2, "c": None}
    details = (run / "gallery" / "ada" / "details-1.js").read_text()
    assert '"Style distance (Gram)":"0.2"' in details


def test_the_gallery_of_an_unjudged_run_has_no_such_columns(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    write(folder, [done(folder, "a")])
    assert not set(MEASURES) & set(items(build_gallery([folder])))


def test_the_gallery_is_made_again_after_judging(run: Path) -> None:
    page = build_gallery([run])
    quality_file(run, "0000").unlink()
    assert "cfsd" in items(page)
    assert "cfsd" not in items(build_gallery([run]))


def test_the_report_shows_distributions_with_the_best_and_the_worst(run: Path) -> None:
    html = build_report(run).page.read_text()
    section = html[html.index('<section id="quality">') :]
    section = section[: section.index("</section>")]
    assert "2 pictures judged by wavelet" in section
    for measure in MEASURES.values():
        assert measure.title in section
    assert len(re.findall(r"<strong>([\d.]+)</strong>", section)) == 2 * len(MEASURES)
    assert section.index("<strong>0.2</strong>") < section.index("<strong>0.8</strong>")  # the smallest is the best
    assert "Style distance (Gram) | 0.23 |" in (run / "report" / "report.md").read_text()


def test_the_report_of_an_unjudged_run_has_no_such_section(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    write(folder, [done(folder, "a")])
    assert 'id="quality"' not in build_report(folder).page.read_text()
