"""In the place of `nst run`: a process that holds the lock of a run folder until Ctrl-C, with nothing to import.

Arguments: the run file, whose `name` and `output.root` say where; what follows is noted in the folder's `arguments`.
"""

import fcntl
import json
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

signal.signal(signal.SIGINT, signal.default_int_handler)
run = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
if "refuse" in run["name"]:
    print("Error: There is no such thing.", file=sys.stderr)
    sys.exit(2)
folder = Path(run["output"]["root"]) / run["name"]
folder.mkdir(parents=True, exist_ok=True)
interrupts = 0
with (folder / ".lock").open("w+", encoding="utf-8") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Error: another one works there.", file=sys.stderr)
        sys.exit(2)
    with (folder / "starts").open("a", encoding="utf-8") as starts:
        starts.write(json.dumps(sys.argv[2:]) + "\n")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    owner = {"host": socket.gethostname(), "boot": boot, "pid": os.getpid(), "started": "now",
             "token": secrets.token_hex(8), "shard": None, "guard": None}  # fmt: skip
    progress = {"total": 8, "done": 2, "rate": 0.5, "eta_seconds": 12.0}
    lock.write(json.dumps({"owner": owner, "beat": 1, "at": time.monotonic(), "progress": progress}))
    lock.flush()
    (folder / "run.yaml").write_text("config: {}\n", encoding="utf-8")
    print("at work", flush=True)
    try:
        time.sleep(120)
    except KeyboardInterrupt:
        (folder / "interrupted").touch()
        time.sleep(30 if "slow" in run["name"] else 0.3)  # the time in which it is being paused
        lock.truncate(0)
        sys.exit(130)
