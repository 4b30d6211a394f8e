"""The page of runs in a real browser, with the real server and real runs behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_process import AppProcess
from browsing import accessibility_faults

from nst_core.run_folder.lock.interruption import interrupt_holder
from nst_core.run_folder.lock.run_lock import read_holders
from nst_core.run_folder.verify.verification import verify

Open = Callable[..., Any]

PHONE_WIDTH = 390  # a page that is too wide is shown smaller

LONG = 10 * 60_000  # milliseconds, for a machine that does much else

RUN_FILE = """
content: content
style: style
pairing: {strategy: grid, replicates: 2}
method: {recipe: wavelet, size: 64, evaluations: 40}
execution: {chunk_size: 1}
output: {gallery: false, report: false}
"""


def upload(page: Any, name: str, text: str) -> None:
    page.locator("#file").set_input_files({"name": name, "mimeType": "application/yaml", "buffer": text.encode()})
    page.locator(".start-form", has=page.locator("#file")).get_by_role("button", name="Start").click()


def await_state(page: Any, state: str) -> Any:
    card = page.locator(f"#run-holiday[data-state={state}]")
    card.wait_for(timeout=LONG)
    return card


def end(run: Path) -> None:
    """End what is still at work after a test that failed: runs outlive the app."""
    for holder in read_holders(run):
        if holder.alive:
            interrupt_holder(run, holder)


@pytest.mark.slow
def test_a_run_is_started_watched_paused_resumed_and_finished_by_several_visitors(
    tmp_path: Path, make_image: Callable[..., Path], open_page: Open
) -> None:
    server = AppProcess(tmp_path)
    server.write(make_image)
    server.start()
    try:
        address = f"{server.address}runs/"
        first, second = open_page(server.address), open_page(address, phone=True, dark=True)
        first.watched.expected += ["status of 422"]
        first.get_by_role("link", name="Runs").click()
        first.locator(".none").wait_for()
        assert first.locator("#choice option").all_inner_texts() == ["try.yaml"]
        upload(first, "evil.yaml", RUN_FILE.replace("style: style", "style: /etc"))
        first.locator(".start-form .fault", has_text="style.path is '/etc', which is in none of the folders").wait_for()
        assert first.locator("#runs .run").count() == 0

        upload(first, "holiday.yaml", RUN_FILE)
        first.locator("#run-holiday").wait_for()
        assert first.evaluate("document.activeElement.textContent.trim()") == "holiday"
        second.reload()
        card = await_state(second, "running")
        faults = accessibility_faults(first) + accessibility_faults(second)
        card.locator(".counted", has_text=re.compile("^[1-9][0-9]? of 12 pictures")).wait_for(timeout=LONG)
        second.get_by_role("button", name="Pause").click()
        await_state(first, "paused")  # nobody has reloaded that page
        assert "holiday: Paused" in first.locator("#news").inner_text()
        made = {path: path.stat().st_mtime_ns for path in (server.output.parent / "holiday").rglob("images/*.jpg")}
        assert 1 <= len(made) < 12

        plain = open_page(address, java_script_enabled=False)
        plain.get_by_role("button", name="Resume").click()
        plain.wait_for_url(f"{address}#run-holiday")
        assert plain.locator("#run-holiday .state").inner_text() in ("Begins", "At work")
        await_state(first, "finished")
        await_state(second, "finished")
        assert first.locator("#run-holiday .counted").inner_text() == "12 of 12 pictures"
        first.locator("#run-holiday .pictures img").nth(5).scroll_into_view_if_needed()
        first.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
        faults += accessibility_faults(first) + accessibility_faults(second)
        assert faults == []
        assert second.evaluate("document.documentElement.scrollWidth") == PHONE_WIDTH
        kept = {path: path.stat().st_mtime_ns for path in made}
        assert kept == made, "what was made before the pause is not made again"
        assert verify(server.output.parent / "holiday").sound
        first.close()  # before the server goes: they would miss it
        second.close()
    finally:
        server.stop()
        end(server.output.parent / "holiday")
