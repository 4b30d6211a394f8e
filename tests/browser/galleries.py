"""What the browser tests of galleries share: a small run, its gallery, and how a test looks at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exhibits import new_run, picture, row, write_results

from nst_core.views.gallery import build_gallery

NAMES = ["boat", "cat 2", "cat 10", "dog", "fern", "gate", "house"]
READY = "html[data-ready]"


def seven_results(run: Path) -> Path:
    """A run of one artist: seven results, as `NAMES`, in the style of three paintings, and a failure."""
    new_run(run)
    rows = [result(run, name, number) for number, name in enumerate(NAMES)]
    failed = row(run, "bad", status="failed", error_message="The device has no memory left.")
    write_results(run, "vincent-van-gogh", [*rows, failed])
    return run


def result(run: Path, name: str, number: int, **changes: Any) -> dict[str, Any]:
    painting = picture(run.parent / "sources" / f"painting {number % 3}.png", (90, 60), seed=50 + number % 3)
    told = {
        "label": "animal" if name[:3] in ("cat", "dog") else "thing",
        "style_path": str(painting),
        "file_name": f"images/{name}.png",
        "total_loss": float((number * 5) % 7 + 1),
        "width": 240 - 10 * number,
        "height": 160,
        "content_license": "CC0",
        "content_source_url": f"https://example.org/{number}",
    }
    made = row(run, name, **(told | changes))
    picture(run / made["file_name"], (240 - 10 * number, 160), seed=number)
    return made


def built(run: Path, **options: Any) -> str:
    return (build_gallery([run], **options).parent / "vincent-van-gogh" / "index.html").as_uri()


def shown(page: Any) -> list[str]:
    return list(page.locator(".pairs figcaption bdi:first-child").all_inner_texts())


def opened(page: Any) -> str:
    """The title of what the lightbox shows, once it is filled."""
    page.wait_for_selector(".lightbox[open] .stage:not(.waiting)")
    return " ".join(page.locator(".lightbox h2").inner_text().split())


def at(page: Any) -> float:
    return float(page.locator(".lightbox .compare input").input_value())


def drag(page: Any, start: float, end: float, height: float) -> None:
    """One finger, from side to side."""
    session = page.context.new_cdp_session(page)
    steps = [{"x": start + (end - start) * step / 5, "y": height} for step in range(6)]
    for kind, points in [("touchStart", steps[:1]), *(("touchMove", [step]) for step in steps[1:]), ("touchEnd", [])]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
