"""An export killed before any of its file operations goes on, by the same call, to the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nst_core.errors import UsageError
from nst_core.export import export_run
from nst_core.export.target import MARKER

MakeRun = Callable[..., Path]

SCRIPT = """
import os, shutil, signal, sys
from pathlib import Path
from nst_core.export import ExportOptions, export_run, imagefolder, coco

imagefolder.SHARD_IMAGES = coco.SHARD_IMAGES = 2
run, to, place, most = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
options = ExportOptions(shard_size=2 if to == "webdataset" else None, annotations=tuple(map(Path, sys.argv[5:])))
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
target = place / "cut"

def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}

def kill_at(step):
    left = step
    def hook(event, arguments):
        nonlocal left
        if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES):
            if str(target) in str(arguments[0]):
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

export_run(run, to, place / "whole", options)
expected = files(place / "whole")
step = 0
while step < most:
    step += 1
    shutil.rmtree(target, ignore_errors=True)
    child = os.fork()
    if not child:
        kill_at(step)
        export_run(run, to, target, options)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
    export_run(run, to, target, options)
    found = files(target)
    assert found == expected, (step, sorted(found.keys() ^ expected.keys()))
print(step)
"""


@pytest.mark.slow
@pytest.mark.parametrize("to", ["imagefolder", "webdataset", "coco"])
def test_killed_at_any_step_it_goes_on_to_the_same_bytes(make_run: MakeRun, tmp_path: Path, to: str) -> None:
    run = make_run(*[{"split": split} for split in ("train", "val", "train", "train")])
    annotations = tmp_path / "instances_val2017.json"
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 24, "height": 16} for n in range(4)]
    boxes = [{"id": n, "image_id": n, "bbox": [n, 2, 4, 6], "area": 24} for n in range(4)]
    annotations.write_text(json.dumps({"images": images, "annotations": boxes}))
    given = [str(annotations)] if to == "coco" else []
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(run), to, str(tmp_path), "200", *given],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert 20 < int(done.stdout) < 200  # it came to the end


def test_the_marker_is_there_before_anything_else(make_run: MakeRun, tmp_path: Path) -> None:
    """What was killed before its first shard keeps nobody from another export there."""
    run, target = make_run({}), tmp_path / "out"
    target.mkdir()
    (target / MARKER).write_text(
        json.dumps({"export": 1, "format": "webdataset", "run": "other", "method_fingerprint": None, "shards": {}})
    )
    (target / ".0123456789abcdef.tmp~").mkdir()
    (target / ".tmpabc.tmp~").touch()
    assert export_run(run, "imagefolder", target).images == 1
    assert sorted(path.name for path in target.iterdir()) == ["README.md", "croissant.json", "export.json", "train"]
    with pytest.raises(UsageError, match="holds an export of the run 'run' as imagefolder"):
        export_run(run, "webdataset", target)
