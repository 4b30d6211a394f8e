"""A folder that one process works in."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.errors import UsageError
from nst_core.storage.folder_lock import hold_folder


def test_a_folder_is_held_by_one_until_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    for _ in range(2):
        with hold_folder(folder, ".lock", "It is held."):
            with pytest.raises(UsageError, match=r"^It is held\.$"), hold_folder(folder, ".lock", "It is held."):
                pass
            assert [path.name for path in folder.iterdir()] == [".lock"]
