"""No secret is written into a run folder."""

from __future__ import annotations

import pytest

from nst_core.storage.secrets import redact, redact_command


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:hunter2@example.org/a.csv", "https://***@example.org/a.csv"),
        ("https:/me:hunter2@example.org/a.csv", "https:/***@example.org/a.csv"),
        ("https://ghp_hunter2@example.org", "https://***@example.org"),
        ("s3://AKIA:hun/ter+2@bucket/images", "s3://***@bucket/images"),
        ("https://x.org/a?X-Amz-Signature=hunter2&size=5", "https://x.org/a?X-Amz-Signature=***&size=5"),
        ("https://x.org/a?size=5&token=hunter2", "https://x.org/a?size=5&token=***"),
        ("kaggle.api_key=hunter2", "kaggle.api_key=***"),
        ("SECRET=hunter2 x", "SECRET=***"),
        ("password=hunter2", "password=***"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "photographs/me@home/a.jpg",
        "/data/logo@2x.png",
        "C:/Users/me@work/a.jpg",
        "s3://bucket/images/a.jpg",
        "https://example.org/a?size=5",
        "method.size=512",
        "a.jpg@0.7;b.jpg@0.3",
        "content: https is safe",
        "x.author=Ada",
        "",
    ],
)
def test_the_rest_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_data_are_gone_through_to_the_bottom() -> None:
    data = {
        "content": {"path": "s3://a:hunter2@b", "size": 5},
        "token": "hunter2",
        "l": ["x", "https://a:b@c"],
        "n": None,
    }
    assert redact(data) == {
        "content": {"path": "s3://***@b", "size": 5},
        "token": "***",
        "l": ["x", "https://***@c"],
        "n": None,
    }


def test_a_command_can_be_pasted_but_for_its_secrets() -> None:
    arguments = ["nst", "run", "my run.yaml", "--set", "source.token=hunter 2", "--api-key", "hunter2", "--strict"]
    assert redact_command(arguments) == "nst run 'my run.yaml' --set 'source.token=***' --api-key '***' --strict"
