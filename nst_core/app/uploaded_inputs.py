"""Copies of the uploads that jobs used, kept in the run folder under the hash of their bytes."""

from __future__ import annotations

import contextlib
import shutil
from hashlib import file_digest
from pathlib import Path, PurePath

from nst_core.run_folder.kept_inputs import INPUTS, input_ids, is_input_id
from nst_core.run_folder.plan_table import Plan
from nst_core.sources.base import Item
from nst_core.storage.atomic import atomic_path
from nst_core.storage.slugs import slugify

DIGEST_LENGTH = 20
STEM_LENGTH = 40


class UploadedInputs:
    """`inputs/<first 20 digits of sha256>/<name>.<ext>` of one run folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, path: Path, name: str) -> Item:
        """Copy the upload at `path`, which its client calls `name`; the copy as an item. Raises DiskFull."""
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()[:DIGEST_LENGTH]
        stem = slugify(PurePath(name).stem)[:STEM_LENGTH].rstrip("-")
        identity = f"{INPUTS}/{digest}/{stem}{path.suffix}"
        kept = self._root / identity
        if not kept.is_file():
            with atomic_path(kept) as temporary:
                shutil.copyfile(path, temporary)
        return Item(id=identity, path=kept)

    def remove_unplanned(self, plan: Plan) -> None:
        """Remove the copies that no planned pair names: the server was killed, or could not plan, after copying."""
        planned = input_ids(plan)
        for path in list((self._root / INPUTS).glob("*/*")):
            identity = path.relative_to(self._root).as_posix()
            if is_input_id(identity) and identity not in planned:
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # the same bytes under another name are still there
                    path.parent.rmdir()
