"""Prefect's server as a child process that never outlives its parent. A script: `server_process.py PORT [FOLDER]`.

Its standard input is a pipe that the parent holds: when that ends, even by SIGKILL, the server ends too and removes
FOLDER, its temporary database, if it has one. Ctrl-C on the terminal does not reach it.
"""

import os
import shutil
import sys
import threading

import uvicorn


def end_with_parent(folder: str | None) -> None:
    """Wait until the pipe is closed; then delete the folder and exit."""
    sys.stdin.buffer.read()
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    port, database_folder = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    threading.Thread(target=end_with_parent, args=(database_folder,), daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=port,
        log_level="error",
        lifespan="on",
    )
