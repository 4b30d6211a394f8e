"""What is made of run folders to be looked at, sheets and gallery together."""

from __future__ import annotations

from pathlib import Path

import pytest
from shown import done, write

from nst_core.errors import Interrupted
from nst_core.views.pages import build_pages


@pytest.mark.parametrize("together", [False, True])
def test_who_asks_to_stop_is_heard_at_the_first_sheet(tmp_path: Path, together: bool) -> None:
    run = write(tmp_path / "run", [done(tmp_path / "run", "c", artist) for artist in ("Ada", "Bo", "Cy")])
    gallery = tmp_path / "both" if together else run / "gallery"

    def stop(done: int, total: int) -> None:
        assert (done, total) == (1, 4)
        raise Interrupted

    with pytest.raises(Interrupted):
        build_pages([run], gallery, True, stop) if together else build_pages([run], progress=stop)
    assert [path.parent.name for path in gallery.rglob("contact-sheet.png")] == ["ada"]
