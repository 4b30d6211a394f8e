"""Addresses of pictures at the large providers: nothing secret is shown, and a new signature is no new picture."""

from __future__ import annotations

import pytest

from nst_core.storage.paths import parse_path
from nst_core.storage.secrets import redact, redact_text
from nst_core.storage.signed_urls import (
    address_of,
    addresses_of,
    is_signed_by_provider,
    lasting_url,
    remember_address,
    remember_addresses,
    shown_url,
)

V4 = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=HUSH%2F20261128%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261128T200000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Security-Token=HUSH2&X-Amz-Signature=HUSH3"  # noqa: E501
GOOG = "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=HUSH&X-Goog-Date=20261128T200000Z&X-Goog-Expires=900&X-Goog-SignedHeaders=host&X-Goog-Signature=HUSH2"  # noqa: E501
SAS = "sv=2024-11-04&ss=b&srt=o&st=2026-11-28&se=2026-11-29T00%3A00%3A00Z&sr=b&sp=r&spr=https&skoid=HUSH&sktid=HUSH2&sig=HUSH3%2Fx%3D"  # noqa: E501

SIGNED = {
    "S3, version 4": f"https://s3.us-east-1.amazonaws.com/bucket/a.png?{V4}",
    "S3, version 4, virtual host": f"https://bucket.s3.eu-west-1.amazonaws.com/a.png?versionId=v1&{V4}",
    "S3, version 2": "https://bucket.s3.amazonaws.com/a.png?AWSAccessKeyId=HUSH&Expires=1764360000&Signature=HUSH2%3D",
    "S3, session": "https://b.s3.amazonaws.com/a.png?Signature=HUSH&Expires=1&AWSAccessKeyId=HUSH2&x-amz-security-token=HUSH3",
    "GCS, version 4": f"https://storage.googleapis.com/bucket/a.png?{GOOG}",
    "GCS, version 2": "https://storage.googleapis.com/b/a.png?GoogleAccessId=HUSH%40x.iam&Expires=17&Signature=HUSH2",
    "Azure SAS": f"https://account.blob.core.windows.net/container/a.png?{SAS}",
    "CloudFront": "https://d1.cloudfront.net/a.png?Expires=17&Signature=HUSH~&Key-Pair-Id=HUSH2",
    "CloudFront, policy": "https://d1.cloudfront.net/a.png?Policy=HUSH__&Signature=HUSH2&Key-Pair-Id=HUSH3",
    "Cloudflare R2": f"https://acc.r2.cloudflarestorage.com/bucket/a.png?{V4}",
    "Cloudflare WAF": "https://img.example.org/a.png?verify=1764360000-HUSH%3D",
    "Backblaze B2": f"https://s3.us-west-004.backblazeb2.com/bucket/a.png?{V4}",
    "Backblaze, native": "https://f004.backblazeb2.com/file/bucket/a.png?Authorization=HUSH",
    "DigitalOcean Spaces": f"https://bucket.nyc3.digitaloceanspaces.com/a.png?{V4}",
    "MinIO": f"http://minio.local:9000/bucket/a.png?{V4}",
    "Alibaba OSS": "https://b.oss-cn-hangzhou.aliyuncs.com/a.png?OSSAccessKeyId=HUSH&Expires=17&Signature=HUSH2",
    "Tencent COS": "https://b.cos.ap-x.myqcloud.com/a.png?q-sign-algorithm=sha1&q-ak=HUSH&q-sign-time=1;2&q-key-time=1;2&q-header-list=&q-url-param-list=&q-signature=HUSH2",
    "OpenStack Swift": "https://swift.example.org/v1/AUTH_a/c/a.png?temp_url_sig=HUSH&temp_url_expires=17",
    "Akamai": "https://cdn.example.org/a.png?hdnts=exp=17~acl=/*~hmac=HUSH",
    "Firebase": "https://firebasestorage.googleapis.com/v0/b/p/o/a.png?alt=media&token=HUSH",
    "SharePoint": "https://t.sharepoint.com/sites/x/_layouts/15/download.aspx?UniqueId=9f&tempauth=HUSH.HUSH2&e=HUSH3",
    "Kaggle": f"https://storage.googleapis.com/kaggle-data-sets/1/a.zip?{GOOG}",
    "GitHub, raw": "https://raw.githubusercontent.com/o/r/main/a.png?token=HUSH",
    "Zenodo": "https://zenodo.org/api/records/1/files/a.png/content?token=HUSH",
    "password": "https://me:HUSH@example.org/a.png",
    "token as user": "https://HUSH@example.org/a.png",
    "session": "https://example.org/a.png;jsessionid=HUSH",
    "fragment": "https://example.org/a.png#access_token=HUSH",
    "jwt": "https://example.org/a.png?jwt=HUSH",
    "pwd": "https://example.org/a.png?pwd=HUSH",
}
"""Addresses whose secrets belong to a signature, a person or a session: the picture is the same without them."""

NAMED_BY_SECRET = {
    "key": "https://example.org/a.png?key=HUSH",
    "code": "https://fn.azurewebsites.net/api/picture?code=HUSH",
    "Google Drive": "https://drive.google.com/uc?export=download&id=HUSH",
    "Dropbox": "https://www.dropbox.com/scl/fi/abc/a.png?rlkey=HUSH&st=HUSH2&dl=1",
    "OneDrive": "https://onedrive.live.com/download?resid=HUSH&authkey=HUSH2",
    "Box": "https://app.box.com/index.php?rm=box_download_shared_file&shared_name=HUSH&file_id=HUSH2",
    "a word of its own": "https://example.org/picture?HUSHHUSHHUSHHUSH",
}
"""Addresses with values of which nobody can say whether they are secret or the name of the picture."""


@pytest.mark.parametrize("url", [*SIGNED.values(), *NAMED_BY_SECRET.values()], ids=[*SIGNED, *NAMED_BY_SECRET])
def test_nothing_secret_of_an_address_is_shown(url: str) -> None:
    for shown in (
        shown_url(url),
        str(parse_path(url)),
        repr(parse_path(url)),
        str(redact(url)),
        str(redact({"config": [url]})),
        redact_text(f"GET '{url}' failed: 403 Forbidden for url {url}. See https://httpstatuses.com/403"),
    ):
        assert "HUSH" not in shown
    assert "***" in str(redact(url))
    assert shown_url(shown_url(url)) == shown_url(url)
    assert redact_text(shown_url(url)) == shown_url(url)


@pytest.mark.parametrize("url", SIGNED.values(), ids=SIGNED)
def test_a_new_signature_is_no_new_picture(url: str) -> None:
    again = url.replace("HUSH", "OTHER").replace("1764360000", "1764370000")
    assert again != url
    assert shown_url(again) == shown_url(url)
    assert lasting_url(again) == lasting_url(url)
    assert "HUSH" not in lasting_url(url)


def test_the_host_the_path_and_what_names_the_picture_stay() -> None:
    url = SIGNED["S3, version 4, virtual host"]
    assert lasting_url(url) == "https://bucket.s3.eu-west-1.amazonaws.com/a.png?versionId=v1"
    assert shown_url(url).startswith("https://bucket.s3.eu-west-1.amazonaws.com/a.png?versionId=***")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.png",
        "http://farm1.staticflickr.com/30_z.jpg",
        "https://upload.wikimedia.org/wikipedia/commons/thumb/e/ea/A.jpg/640px-A.jpg",
        "https://images.unsplash.com/photo-1?w=1080&fm=jpg&q=80",
        "https://figshare.com/ndownloader/files/123",
        "https://huggingface.co/datasets/o/d/resolve/main/a.png?download=true",
        "https://example.org/get?id=5",
    ],
)
def test_an_address_without_secrets_is_shown_as_it_is_and_keeps_its_identity(url: str) -> None:
    assert shown_url(url) == lasting_url(url) == url
    assert redact(url) == redact_text(url) == url


def test_an_identity_without_a_signature_is_the_text_itself_as_in_earlier_versions() -> None:
    for url in ("https://e.org/a?b=1&&c", "HTTP://E.org/A", "https://e.org/get?id=abc&key=x", "https://e.org"):
        assert lasting_url(url) == url


def test_two_pictures_that_differ_in_a_masked_value_are_told_apart() -> None:
    first, second = (shown_url(f"https://example.org/get?id={name}&w=5") for name in ("abc", "abd"))
    assert first != second
    assert first.startswith("https://example.org/get?id=***")
    assert first.endswith("&w=5")


def test_the_address_of_a_shown_form_is_known_where_it_was_said() -> None:
    url = "https://me:HUSH@pictures.example.org:8443/folder/a.png?sig=HUSH"
    shown = remember_address(url)
    assert address_of(shown) == url
    assert address_of("https://***@pictures.example.org:8443/folder/b.png") == (
        "https://me:HUSH@pictures.example.org:8443/folder/b.png"
    ), "what lies in the same place is asked for with the same credentials"
    assert address_of("https://***@other.example.org/a.png") is None
    assert address_of("https://example.org/a.png") == "https://example.org/a.png"


def test_another_process_is_given_the_addresses_that_it_needs() -> None:
    shown = remember_address("https://example.org/handed-over.png?sig=HUSH")
    handed = addresses_of([shown, "https://example.org/a.png", "/data/a.png"])
    assert handed == {shown: "https://example.org/handed-over.png?sig=HUSH"}
    remember_addresses({shown: "https://example.org/handed-over.png?sig=NEW"})
    assert address_of(shown) == "https://example.org/handed-over.png?sig=NEW"


def test_which_signatures_are_a_stores() -> None:
    assert is_signed_by_provider(SIGNED["Azure SAS"])
    assert is_signed_by_provider("https://example.org/a.png")
    assert not is_signed_by_provider("https://example.org/share?token=HUSH")


def test_names_of_files_come_without_the_query() -> None:
    path = parse_path("https://example.org/photos/a.png?sig=x%2Fy.z&w=5")
    assert (path.name, path.stem, path.suffix, str(path.parent)) == (
        "a.png",
        "a",
        ".png",
        "https://example.org/photos",
    )
