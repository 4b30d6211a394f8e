"""No secret is written into a run folder."""

from __future__ import annotations

import pytest

from nst_core.storage.secrets import redact, redact_command, redact_text


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("zip://a.png::https://me:hunter2@example.org/a.zip", "zip://a.png::https://***@example.org/a.zip"),
        ("zip::https://me:hunter2@example.org/a.zip", "zip::https://***@example.org/a.zip"),
        ("postgresql+asyncpg://me:hunter2@db:5432/prefect", "postgresql+asyncpg://***@db:5432/prefect"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        (
            "https://host:8080/a.jpg@0.7;https://host:8080/b.jpg@0.3",
            "https://host:8080/a.jpg@0.7;https://host:8080/b.jpg@0.3",
        ),
        ("https://hooks.slack.com/services/T0/B0/hunter2", "https://hooks.slack.com/services/***"),
        ("https://discord.com/api/webhooks/12/hunter2", "https://discord.com/api/webhooks/***"),
        ("https://x.webhook.office.com/webhookb2/hunter2", "https://x.webhook.office.com/webhookb2/***"),
        ("https://api.telegram.org/bothunter2/sendMessage", "https://api.telegram.org/bot***/sendMessage"),
        ("content.path=https://h/a?sig=hunter2", "content.path=https://h/a?sig=***"),
    ],
)
def test_secrets_of_other_kinds_of_urls(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact_text(text) == shown
    assert redact(shown) == shown, "what is masked stays as it is"


def test_options_of_a_store_are_hidden_by_name() -> None:
    options = {"key": "hunter2", "secret": "hunter2", "anon": False, "client_kwargs": {"endpoint_url": "http://h:9000"}}
    options |= {"account_key": "hunter2", "sas_token": "hunter2", "connection_string": "hunter2", "pwd": 1234}
    shown = redact(options)
    assert "hunter2" not in str(shown)
    assert shown["client_kwargs"] == {"endpoint_url": "http://h:9000"}
    assert (shown["anon"], shown["pwd"]) == (False, "***")


@pytest.mark.parametrize(
    "text",
    [
        "Client error '403 Forbidden' for url 'https://h/a?jwt=hunter2'\nFor more information check: https://x.org/403",
        "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: https://h/a?code=hunter2 (by x)",
        "ClientResponseError: 403, message='Forbidden', url='https://me:hunter2@h/a'",
        "headers={'Authorization': 'Bearer hunter2hunter2'}",
        "Authorization: Bearer hunter2hunter2",
        'requests.get(url, auth=None, token="hunter2")',
        "File x.py, line 1\n    api_key=hunter2\n",
        "use hf_hunter2hunter2hunter2",
        "github_pat_hunter2hunter2hunter2",
        "https://h/a?id=hunter2, https://h/b?x=hunter2; (https://h/c#hunter2)",
    ],
)
def test_exceptions_and_log_lines_tell_no_secret(text: str) -> None:
    assert "hunter2" not in redact_text(text)
    assert redact_text(redact_text(text)) == redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "photographs/a.jpg: it is a directory, not a file",
        "A Kaggle token is required: log in at kaggle.com, choose Settings, API, Generate New Token.",
        "content.path: there is no folder /data/a.",
        "https://example.org/a.png: its server refuses it (HTTP 403)",
        "(see https://example.org/docs/), then go on.",
        "3 of 8 pairs: 12:30:05 http://127.0.0.1:4200/runs/flow-run/5",
        "key: 5",
    ],
)
def test_plain_sentences_stay_as_they_are(text: str) -> None:
    assert redact_text(text) == text
