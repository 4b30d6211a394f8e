"""A script that asks Kaggle for the address of a dataset's archive: `kaggle_process.py OWNER/NAME`.

It is a process of its own because the `kaggle` package uses the network while it is imported, prints a page of help
where there is no token, may exit, and waits without a timeout. The answer (one JSON object) goes through standard
output, which only the parent reads, because addresses of archives are signed. The package's own download is not used:
in 2.2.4 it overwrites what has arrived with the text of an error response, appends the rest to that, and calls it
complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sys
import threading
from typing import Any


def main(dataset: str) -> None:
    """Print the request for the archive of `dataset`, or the error, as JSON."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with (
        pathlib.Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        answer = _answer(dataset)
    print(json.dumps(answer), flush=True)


def _answer(dataset: str) -> dict[str, Any]:
    import requests

    try:
        return _ask(dataset)
    except requests.HTTPError as error:
        response = error.response
        status = response.status_code if response is not None else 0
        retry_after = response.headers.get("Retry-After") if response is not None else None
        return {"error": "status", "status": status, "retry_after": retry_after}
    except (requests.ConnectionError, requests.Timeout) as error:
        return {"error": "network", "reason": type(error).__name__}
    except (SystemExit, Exception) as error:
        return {"error": "other", "reason": f"{type(error).__name__}: {error}"}


def _ask(dataset: str) -> dict[str, Any]:
    """The request at the end of Kaggle's redirections, which the package would send for the archive."""
    import kaggle
    from kaggle.api.kaggle_api_extended import ApiDownloadDatasetRequest

    request = ApiDownloadDatasetRequest()
    request.owner_slug, request.dataset_slug = dataset.split("/")
    with kaggle.api.build_kaggle_client() as client:
        response = client.datasets.dataset_api_client.download_dataset(request)
        final = response.request
        response.close()
    body = final.body.encode() if isinstance(final.body, str) else final.body
    headers = {name: value for name, value in final.headers.items() if name.lower() not in _CONNECTION}
    return {"url": final.url, "method": final.method, "headers": headers, "body": body.decode() if body else None}


# Headers that the next client sets itself.
_CONNECTION = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}


def _end_with_parent() -> None:
    """End this process when the parent ends, even by SIGKILL: standard input is a pipe that the parent holds open."""
    os.read(0, 1)  # not sys.stdin, whose lock the package would wait for while it is imported
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
