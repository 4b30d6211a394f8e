"""The three forms of a picture's URL: its address, which may hold secrets; what is shown of it; and what lasts.

* The **address** is what a manifest says. It stays in the memory of the processes that fetch it.
* The **shown** form stands in paths, tables, pages and logs: `https://***@host/a.png?id=***1f3a5b7c&sig=***`. It is the
  same for the same picture under a new signature, and different for different pictures: masked values that belong to
  the picture's name keep a tag, eight digits of a hash.
* The **lasting** form decides the ids of pairs: the address without user, fragment and signature. Where there is
  nothing of that kind it is the address itself.

`remember_address` keeps the address of a shown form, and `address_of` finds it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from nst_core.storage.secrets import MASK, is_flag, shown_value

_WEB = re.compile(r"(https?)://", re.IGNORECASE)
_SIGNED_BY = (
    # (a name that shows the kind of signature, the pattern of all names of that kind)
    ("x-amz-signature", r"x-amz-[\w-]+"),  # AWS's version 4: also R2, B2, Spaces, MinIO, Wasabi, Ceph
    ("x-goog-signature", r"x-goog-[\w-]+"),
    ("x-oss-signature", r"x-oss-[\w-]+"),
    ("x-obs-signature", r"x-obs-[\w-]+"),
    ("q-signature", r"q-[\w-]+|x-cos-security-token"),
    ("signature", r"signature|expires|awsaccesskeyid|googleaccessid|ossaccesskeyid|x-amz-security-token|security-token"
     r"|policy|key-pair-id|hash-algorithm"),
    ("sig", r"sig|s[veprt]|ss|srt|spr|sip|sdd|ses|skoid|sktid|skt|ske|sks|skv|saoid|suoid|scid"),  # Azure
    ("temp_url_sig", r"temp_url_\w+"),
    ("tempauth", r"tempauth|e|ctag|apiversion"),  # SharePoint, OneDrive
    ("rlkey", r"rlkey|st|e"),  # Dropbox
    ("hdnts", r"hdnts"),
    ("hdnea", r"hdnea"),
    ("verify", r"verify"),
)  # fmt: skip
_SIGNED = tuple((sign, re.compile(names)) for sign, names in _SIGNED_BY)
_CREDENTIAL = re.compile(
    r"[\w.-]*(?:token|secret|passw|credential|signature|api[_-]?key|access[_-]?key|auth(?!or(?!i[sz])))[\w.-]*|pwd|jwt|sig",
    re.IGNORECASE,
)
_SESSION = re.compile(r";(?:jsessionid|sid|sessionid|phpsessid)=[^/;?#]*", re.IGNORECASE)
_PARAMETER = re.compile(r"(;[\w.-]+=)([^/;?#]*)")
_MASKED = re.compile(r"\*\*\*[0-9a-f]{0,8}")

_addresses: dict[str, str] = {}
_users: dict[str, str] = {}


def is_web_url(text: str) -> bool:
    """Whether a text is an address on the web, `http://` or `https://`."""
    return _WEB.match(text) is not None


def is_valid_web_url(text: str) -> bool:
    """Whether a text is an address on the web that has a host, and brackets and ports as they should be."""
    try:
        return is_web_url(text) and not web_host(text).startswith(":")
    except ValueError:
        return False


def shown_url(url: str) -> str:
    """What is shown of the URL of a picture; of a shown form, itself."""
    scheme, user, rest = _parts(url)
    path, question, query = rest.partition("?")
    left_out = _signature_names(query)
    path = _PARAMETER.sub(lambda m: m[1] + _masked_value(m[2], _SESSION.fullmatch(m[0]) is None), path)
    return f"{scheme}://{f'{MASK}@' if user else ''}{path}{question}{_shown_query(query, left_out)}"


def lasting_url(url: str) -> str:
    """The part of a picture's URL that stays the same when it is signed anew; without a signature, the URL itself."""
    scheme, user, rest = _parts(url)
    path, _, query = rest.partition("?")
    left_out = _signature_names(query)
    if not (user or left_out or "#" in url or _SESSION.search(path)):
        return url
    kept = [part for part in query.split("&") if part and _name(part) not in left_out]
    return f"{scheme}://{_SESSION.sub('', path)}{'?' if kept else ''}{'&'.join(kept)}"


def is_signed_by_provider(url: str) -> bool:
    """Whether all that `lasting_url` leaves out is a store's signature, so that two such URLs name one object."""
    query = _parts(url)[2].partition("?")[2]
    names = _names(query)
    known = {name for sign, pattern in _SIGNED if sign in names for name in names if pattern.fullmatch(name)}
    return _signature_names(query) <= known


def remember_address(url: str) -> str:
    """Keep the address of a URL, for `address_of`, and return what is shown of it."""
    shown = shown_url(url)
    if MASK in shown and shown != url:
        _addresses[shown] = url
        scheme, user, rest = _parts(url)
        if user:
            _users[f"{scheme}://{MASK}@{_host(rest)}"] = f"{scheme}://{user}@{_host(rest)}"
    return shown


def address_of(shown: str) -> str | None:
    """The address of a shown URL; None where it is masked, and this process has not been told what stands there."""
    if shown in _addresses:
        return _addresses[shown]
    if MASK not in shown:
        return shown
    scheme, user, rest = _parts(shown)
    place = f"{scheme}://{f'{user}@' if user else ''}{_host(rest)}"
    found = shown.replace(place, _users[place], 1) if place in _users else shown
    return None if MASK in found else found


def addresses_of(shown: Iterable[str]) -> dict[str, str]:
    """The addresses of those of the shown URLs that are masked, to be handed to another process."""
    return {one: found for one in shown if MASK in one and (found := address_of(one)) is not None}


def remember_addresses(addresses: Mapping[str, str]) -> None:
    """Keep the addresses that another process handed over."""
    _addresses.update(addresses)


def _parts(url: str) -> tuple[str, str, str]:
    """(scheme, user and password, the rest without its fragment)."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("#")[0]
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    user, at, _ = authority.rpartition("@")
    return scheme.lower(), user, rest[len(user) + len(at) :]


def _host(rest: str) -> str:
    return re.split(r"[/?]", rest, maxsplit=1)[0]


def _names(query: str) -> set[str]:
    return {_name(part) for part in query.split("&") if part}


def _name(part: str) -> str:
    return part.partition("=")[0].lower()


def _signature_names(query: str) -> set[str]:
    """The names in a query, in lower case, that belong to a signature or are credentials."""
    names = _names(query)
    signed = {name for sign, pattern in _SIGNED if sign in names for name in names if pattern.fullmatch(name)}
    return signed | {name for name in names if _CREDENTIAL.fullmatch(name)}


def _shown_query(query: str, left_out: set[str]) -> str:
    return "&".join(_shown_parameter(part, left_out) for part in query.split("&"))


def _shown_parameter(part: str, left_out: set[str]) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return part if is_flag(part) else _masked_value(part, True)
    if _MASKED.fullmatch(value):
        return part
    if name.lower() in left_out:
        return f"{name}={MASK}"
    return part if shown_value(name, value) else f"{name}={_masked_value(value, True)}"


def _masked_value(value: str, tagged: bool) -> str:
    if _MASKED.fullmatch(value):
        return value
    return MASK + (hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8] if tagged else "")


def web_host(url: str) -> str:
    """`host:port` of a web address, in lower case, with the port that its scheme implies. Raises ValueError."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    return f"{(parts.hostname or '').lower()}:{port}"
