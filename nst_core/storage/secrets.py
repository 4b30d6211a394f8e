"""Secrets masked in what is written, printed or sent: in URLs, command lines, plain data, and any text.

Of a URL only what is known to be harmless is shown: scheme, host, path, and the query's values under the names in
`_SHOWN`. User, password, the other values of the query, path parameters (`;jsessionid=…`) and the fragment become
`***`. Elsewhere, values under names such as `token` do.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"

_SECRET = r"[\w.-]*(?:token|secret|passw|credential|signature|api[_-]?key|access[_-]?key|auth(?!or(?!i[sz])))[\w.-]*"
_SHORT = r"(?:pwd|jwt|sig|sas|pat|key|account[_-]?key|private[_-]?key|connection[_-]?string|conn[_-]?str|dsn|cookie)"
_NAME = re.compile(rf"{_SECRET}|(?:[\w.-]*[_.-])?{_SHORT}", re.IGNORECASE)
_OPTION = re.compile(rf"--?(?:{_SECRET}|(?:[\w-]+-)?{_SHORT})", re.IGNORECASE)
_ASSIGNED = re.compile(rf"((?:{_SECRET}|\b(?:\w+[_.-])?{_SHORT})=)[^&]+", re.IGNORECASE)
_IN_TEXT = re.compile(
    rf"(?P<name>[\"']?(?:{_SECRET}|\b(?:\w+[_-])?(?:pwd|jwt|sig|account[_-]?key))[\"']?\s?[=:]\s?)"
    r"(?P<quote>[\"'])(?!\*\*\*)[^\"'\n]+(?P=quote)",
    re.IGNORECASE,
)
_BARE_IN_TEXT = re.compile(
    rf"(?P<name>\b(?:{_SECRET}|(?:\w+[_-])?(?:pwd|jwt|sig|account[_-]?key))=)(?![\"'])[^\s&;,)\]}}\"']{{4,}}",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+(?=\S*\d)[A-Za-z0-9._~+/=-]{12,}")
_KNOWN_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{16,}|github_pat_\w{16,}|hf_[A-Za-z0-9]{16,}|xox[abeprs]-[\w-]{8,}|KGAT_\w{8,}|sk-[\w-]{20,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)

# A password may contain slashes, as AWS's keys do; `pathlib` reduces two slashes to one. A port is no password, and the
# `@` of a path (`/logo@2x.png`) ends none.
_PASSWORD = r"[^\s/@:?#\"'<>]*:(?!:)(?!\d{1,5}(?:[/?#\s;,)\"']|$))[^\s@\"'<>?#]*@"
_URL = re.compile(
    r"\b(?P<scheme>[a-z][a-z0-9+.-]*[a-z0-9]):(?P<slashes>/{1,2})"
    rf"(?P<user>{_PASSWORD}|[^\s/@?#\"'<>]+@)?"
    r"(?P<rest>(?:(?!;[a-z][a-z0-9+.-]+:/|::)[^\s\"'<>`\\])*)",
    re.IGNORECASE,
)
_END = re.compile(r"[\])}.,;:!…]+$")  # of a sentence, not of the URL in it
_PARAMETER = re.compile(r"(;[\w.-]+=)[^/;?#]*")
_HARMLESS = re.compile(r"[\w.,:|~ %+-]{0,100}")
_NUMBER = re.compile(r"\d{1,18}")
_MASKED = re.compile(r"\*\*\*[0-9a-f]{0,8}")
_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs", "az")
"""Schemes of Azure, where what stands before `@` is a container."""

_SHOWN = frozenset(
    {"w", "h", "width", "height", "size", "sz", "scale", "quality", "q", "fm", "fmt", "format", "ext", "auto", "fit"}
    | {"crop", "dpr", "dl", "raw", "download", "alt", "export", "page", "v", "version", "revision", "rev", "lang"}
    | {"title", "curid", "oldid", "action", "prop", "width_px", "region", "rotation"}
    | {"x-amz-algorithm", "x-amz-date", "x-amz-expires", "x-amz-signedheaders"}
    | {"x-goog-algorithm", "x-goog-date", "x-goog-expires", "x-goog-signedheaders", "expires", "se", "sv", "sp", "sr"}
)
"""Names in queries, in lower case, whose values are shown where they are plain; of `_NUMBERED` only numbers."""
_NUMBERED = frozenset({"id", "photo_id", "image_id", "file", "n", "nr", "number", "index", "seq"})

# Addresses that are secrets as a whole.
_HOOK = re.compile(
    r"^(?P<place>(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:\w+\.)?discord(?:app)?\.com/api(?:/v\d+)?/"
    r"webhooks|[\w.-]*webhook\.office\.com/webhook\w*|outlook\.office(?:365)?\.com/webhook|chat\.googleapis\.com/v1/"
    r"spaces|hooks\.zapier\.com/hooks|maker\.ifttt\.com/trigger|[\w.-]+\.logic\.azure\.com(?::\d+)?/workflows|"
    r"[\w.-]+/hooks))/.+|^(?P<bot>api\.telegram\.org/)(?:file/)?bot[^/]+(?P<method>.*)",
    re.IGNORECASE,
)


def holds_secret(url: str) -> bool:
    """Whether a URL has a password before its host, or a query parameter with the name of a secret."""
    match = _URL.match(url)
    user = match["user"] if match else None
    return (user is not None and ":" in user) or _ASSIGNED.search(url.partition("?")[2]) is not None


def redact(value: Any) -> Any:
    """Plain data (mappings, lists, strings, numbers) with every secret in it replaced by `***`."""
    if isinstance(value, str):
        return _ASSIGNED.sub(_keep_masked, redact_urls(value)) if ("=" in value or ":/" in value) else value
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key, inner) else redact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner) for inner in value]
    return value


def redact_text(text: str) -> str:
    """A sentence, a log line or a traceback with the secrets in it replaced by `***`."""
    text = _KNOWN_TOKEN.sub(MASK, _BEARER.sub(rf"\1 {MASK}", redact_urls(text)))
    text = _IN_TEXT.sub(rf"\g<name>\g<quote>{MASK}\g<quote>", text)
    return _BARE_IN_TEXT.sub(_keep_masked_name, text)


def redact_urls(text: str) -> str:
    """A text with the secrets of every URL in it replaced by `***`; what is masked already stays as it is."""
    return _URL.sub(_redacted_match, text) if ":/" in text else text


def redact_command(arguments: Iterable[str]) -> str:
    """A command line quoted for a shell, with secrets in `--set key=value`, URLs and `--token value` masked."""
    shown, hide = [], False
    for argument in arguments:
        shown.append(MASK if hide else redact(argument))
        hide = _OPTION.fullmatch(argument) is not None
    return shlex.join(shown)


def shown_value(name: str, value: str) -> bool:
    """Whether a value of a query is shown: its name is known to be harmless, and it looks like what such names have."""
    if not value or _MASKED.fullmatch(value):
        return True
    name = name.lower()
    return (name in _SHOWN and _HARMLESS.fullmatch(value) is not None) or (
        name in _NUMBERED and _NUMBER.fullmatch(value) is not None
    )


def redact_query(query: str) -> str:
    """The query of a URL with its values masked, but for those that are shown."""
    return "".join(part if part in ("&", ";") else _redacted_parameter(part) for part in re.split(r"([&;])", query))


def _redacted_parameter(part: str) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return part if is_flag(part) else MASK
    return part if shown_value(name, value) else f"{name}={MASK}"


def is_flag(part: str) -> bool:
    """Whether a part of a query without `=` is empty, or a word such as `raw`, and no token."""
    return not part or _MASKED.fullmatch(part) is not None or re.fullmatch(r"[a-z]{1,12}", part) is not None


def _redacted_match(match: re.Match[str]) -> str:
    scheme, user, rest = match["scheme"], match["user"], match["rest"]
    end = found[0] if (found := _END.search(rest)) else ""
    rest = rest.removesuffix(end)
    if hook := _HOOK.match(rest):
        rest = f"{hook['place']}/{MASK}" if hook["place"] else f"{hook['bot']}bot{MASK}{hook['method']}"
        return f"{scheme}:{match['slashes']}{rest}{end}"
    rest, sharp, fragment = rest.partition("#")
    path, question, query = rest.partition("?")
    if user and not (scheme.lower() in _CONTAINERS and ":" not in user):
        user = f"{MASK}@"
    fragment = fragment if not fragment or _MASKED.fullmatch(fragment) else MASK
    path = _PARAMETER.sub(_keep_masked, path)
    return f"{scheme}:{match['slashes']}{user or ''}{path}{question}{redact_query(query)}{sharp}{fragment}{end}"


def _keep_masked(match: re.Match[str]) -> str:
    return match[0] if _MASKED.fullmatch(match[0][len(match[1]) :]) else f"{match[1]}{MASK}"


def _keep_masked_name(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith(f"{match['name']}{MASK}") else f"{match['name']}{MASK}"


def _is_secret(key: Any, value: Any) -> bool:
    """Whether a value stands under a secret's name; a number or list there may be one, a section is gone through."""
    return not isinstance(value, Mapping | bool | None) and _NAME.fullmatch(str(key)) is not None and value != ""
