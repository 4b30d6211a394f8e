"""The Hugging Face Hub on this machine: the part of its protocol that the unmodified client uses for datasets.

Repositories with commits of regular and LFS files, tokens, visibility; large files go through the LFS batch API, or by
the Xet protocol to the storage behind it (cas_stand_in.py). It is as strict as the Hub where that matters: bytes must
match their oid, a commit names only objects that were sent, builds on the last commit, and leaves less than 10 000
files in a folder. Requests are noted; some can be made to fail.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote

from cas_stand_in import CAS_ROUTES, Cas
from http_stand_in import Answer, Refusal, Routes, Service, running

TOKEN = "hf_" + "Secret0123456789" * 2
READ_TOKEN = "hf_" + "Reader9876543210" * 2
_LFS = ("*.parquet", "*.tar", "*.jpg", "*.jpeg", "*.png")
_MOST_IN_A_FOLDER = 10_000


@dataclass(frozen=True)
class Blob:
    """A file of a commit; `lfs`: whether git has a pointer to it only."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def git_oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()


@dataclass
class Repository:
    private: bool
    commits: list[str] = field(default_factory=lambda: [hashlib.sha1(b"first").hexdigest()])
    messages: list[str] = field(default_factory=list)
    files: dict[str, Blob] = field(default_factory=lambda: {".gitattributes": Blob(b"*.png filter=lfs\n", lfs=False)})

    @property
    def head(self) -> str:
        return self.commits[-1]


@dataclass
class Hub(Service):
    """The state of the Hub.

    Attributes:
        objects: LFS objects by oid, whether they came by LFS or by Xet.
        sent: the oids of LFS objects that were put here, in order.
        cas: the storage behind it that files go to by the Xet protocol.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    cas: Cas = field(init=False)

    def __post_init__(self) -> None:
        self.cas = Cas(objects=self.objects)

    def repository(self, name: str, token: str | None) -> Repository:
        found = self.repositories.get(name)
        if found is None or (found.private and token is None):
            raise Refusal(404 if token else 401, "Repository not found", "RepoNotFound")
        return found

    def check_token(self, token: str | None) -> None:
        if token not in (None, TOKEN, READ_TOKEN):
            raise Refusal(401, "Invalid credentials in Authorization header")


_route = Routes(NAME=r"(?P<name>[\w.-]+/[\w.-]+)")


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A Hub that answers at `hub.address`, and its storage at `hub.cas.address`."""
    hub = Hub()
    with running(hub, _route), running(hub.cas, CAS_ROUTES):
        yield hub


@_route("POST", r"/api/repos/create")
def _create(hub: Hub, token: str | None, query: Any, body: bytes) -> Answer:
    told = json.loads(body)
    name = f"{told['organization']}/{told['name']}"
    if token != TOKEN:
        raise Refusal(403, "You don't have the rights to create a dataset under this namespace")
    if name in hub.repositories:
        raise Refusal(409, "You already created this dataset repo")
    assert told["type"] == "dataset"
    hub.repositories[name] = Repository(private=told.get("visibility") == "private" or told.get("private", False))
    return Answer(200, {"url": f"{hub.address}/datasets/{name}"})


@_route("POST", r"/api/validate-yaml")
def _validate(hub: Hub, token: str | None, query: Any, body: bytes) -> Answer:
    front = json.loads(body)["content"].split("---\n")[1]
    licenses = re.findall(r"^(?:license: |- )([a-z0-9.-]+)$", front.split("size_categories")[0], re.MULTILINE)
    known = {"other", "unknown", "cc0-1.0"} | {f"cc-by{x}-{v}" for x in ("", "-nc", "-nd", "-sa", "-nc-sa", "-nc-nd") for v in ("2.0", "3.0", "4.0")}  # fmt: skip # noqa: E501
    wrong = [name for name in licenses if name not in known]
    return Answer(400 if wrong else 200, {"errors": [{"message": f"license {name}"} for name in wrong], "warnings": []})


@_route("GET", r"/api/datasets/NAME(?:/revision/(?P<revision>[^/]+))?")
def _info(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str | None) -> Answer:
    found = hub.repository(name, token)
    siblings = [{"rfilename": path} for path in sorted(found.files)]
    return Answer(200, {"id": name, "sha": found.head, "private": found.private, "siblings": siblings, "tags": []})


@_route("PUT", r"/api/datasets/NAME/settings")
def _settings(hub: Hub, token: str | None, query: Any, body: bytes, name: str) -> Answer:
    _may_write(token)
    told = json.loads(body)
    hub.repository(name, token).private = told.get("visibility", "private") == "private"
    return Answer(200, {})


@_route("POST", r"/api/datasets/NAME/preupload/(?P<revision>[^/]+)")
def _preupload(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str) -> Answer:
    _may_write(token)
    found = hub.repository(name, token)
    files = json.loads(body)["files"]
    assert len(files) <= 256
    answers = []
    for file in files:
        lfs = any(fnmatch.fnmatch(file["path"], pattern) for pattern in _LFS)
        there = found.files.get(file["path"])
        oid = None if there is None else there.sha256 if there.lfs else there.git_oid
        mode = "lfs" if lfs else "regular"
        answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return Answer(200, {"files": answers})


@_route("POST", r"/datasets/NAME\.git/info/lfs/objects/batch")
def _batch(hub: Hub, token: str | None, query: Any, body: bytes, name: str) -> Answer:
    _may_write(token)
    objects = []
    for one in json.loads(body)["objects"]:
        upload = {"href": f"{hub.address}/lfs/{one['oid']}?X-Amz-Signature=SIGNED{one['oid'][:8]}"}
        verify = {"href": f"{hub.address}/datasets/{name}/lfs-verify"}
        new = one["oid"] not in hub.objects
        objects.append({**one, **({"actions": {"upload": upload, "verify": verify}} if new else {})})
    return Answer(200, {"transfer": "basic", "objects": objects})


@_route("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})")
def _put(hub: Hub, token: str | None, query: Any, body: bytes, oid: str) -> Answer:
    if "X-Amz-Signature" not in query or hashlib.sha256(body).hexdigest() != oid:
        raise Refusal(400, "the signature or the bytes do not match")
    hub.objects[oid] = body
    hub.sent.append(oid)
    return Answer(200)


@_route("POST", r"/datasets/NAME/lfs-verify")
def _verify(hub: Hub, token: str | None, query: Any, body: bytes, name: str) -> Answer:
    return Answer(200 if json.loads(body)["oid"] in hub.objects else 404)


@_route("GET", r"/api/datasets/NAME/xet-write-token/(?P<revision>[^/]+)")
def _xet_token(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str) -> Answer:
    _may_write(token)
    hub.repository(name, token)
    return Answer(200, hub.cas.new_token())


@_route("POST", r"/api/datasets/NAME/commit/(?P<revision>[^/]+)")
def _commit(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str) -> Answer:
    _may_write(token)
    found = hub.repository(name, token)
    header, *operations = [json.loads(line) for line in body.splitlines()]
    if header["value"].get("parentCommit") not in (None, found.head):
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(found.files)
    for operation in operations:
        _apply(files, operation["key"], operation["value"], hub)
    folders: dict[str, int] = {}
    for path in files:
        folder = str(PurePosixPath(path).parent)
        folders[folder] = folders.get(folder, 0) + 1
    if max(folders.values()) > _MOST_IN_A_FOLDER:
        raise Refusal(400, "too many files in a folder")
    oid = hashlib.sha1(body + found.head.encode()).hexdigest()
    found.files = files
    found.commits.append(oid)
    found.messages.append(header["value"]["summary"])
    url = f"{hub.address}/datasets/{name}/commit/{oid}"
    return Answer(200, {"success": True, "commitOid": oid, "commitUrl": url})


def _apply(files: dict[str, Blob], key: str, value: dict[str, Any], hub: Hub) -> None:
    if key == "file":
        files[value["path"]] = Blob(base64.b64decode(value["content"]), lfs=False)
    elif key == "lfsFile":
        if value["oid"] not in hub.objects:
            raise Refusal(400, f"LFS object {value['oid']} is not there")
        files[value["path"]] = Blob(hub.objects[value["oid"]], lfs=True)
    elif key == "deletedFile":
        if files.pop(value["path"], None) is None:
            raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
    else:
        raise Refusal(400, f"what is {key}?")


@_route("GET", r"/api/datasets/NAME/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?")
def _tree(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str, folder: str | None) -> Answer:
    found = hub.repository(name, token)
    start = f"{unquote(folder)}/" if folder else ""
    inside = {path: blob for path, blob in found.files.items() if path.startswith(start)}
    if start and not inside:
        raise Refusal(404, "no such folder", "EntryNotFound")
    deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
    entries: dict[str, dict[str, Any]] = {}
    for path, blob in sorted(inside.items()):
        parts = path.removeprefix(start).split("/")
        for end in range(1, len(parts)):
            outer = start + "/".join(parts[:end])
            if deep or end == 1:
                entries[outer] = {"type": "directory", "path": outer, "oid": "0" * 40, "size": 0}
        if deep or len(parts) == 1:
            entries[path] = _entry(path, blob)
    return Answer(200, list(entries.values()))


@_route("POST", r"/api/datasets/NAME/paths-info/(?P<revision>[^/]+)")
def _paths(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str) -> Answer:
    found = hub.repository(name, token)
    wanted = parse_qs(body.decode()).get("paths") if not body.startswith(b"{") else json.loads(body)["paths"]
    entries = []
    for path in wanted or []:
        path = path.strip("/")
        if path in found.files:
            entries.append(_entry(path, found.files[path]))
        elif any(file.startswith(f"{path}/") for file in found.files):
            entries.append({"type": "directory", "path": path, "oid": "0" * 40, "size": 0})
    return Answer(200, entries)


def _entry(path: str, blob: Blob) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(blob.data), "oid": blob.git_oid}
    return entry | ({"lfs": {"oid": blob.sha256, "size": len(blob.data), "pointerSize": 134}} if blob.lfs else {})


@_route("(?:GET|HEAD)", r"/datasets/NAME/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def _resolve(hub: Hub, token: str | None, query: Any, body: bytes, name: str, revision: str, path: str) -> Answer:
    found = hub.repository(name, token)
    blob = found.files.get(unquote(path))
    if blob is None:
        raise Refusal(404, "Entry not found", "EntryNotFound")
    etag = blob.sha256 if blob.lfs else blob.git_oid
    return Answer(200, blob.data, {"ETag": f'"{etag}"', "X-Repo-Commit": found.head, "Accept-Ranges": "bytes"})


def _may_write(token: str | None) -> None:
    if token != TOKEN:
        raise Refusal(403, "you need write access")
