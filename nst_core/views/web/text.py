"""The texts of numbers, quantities, addresses, and of data for a page's script."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None) -> str:
    """A number with three significant digits: 0.0123, 12.3, 1,234, 1.23 × 10⁶; empty of None, infinity and NaN."""
    if value is None or not math.isfinite(value):
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if digits else text
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def quantity(count: int, one: str, many: str | None = None) -> str:
    """`1 picture`, `1,234 pictures`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def address(path: str) -> str:
    """A relative path as a URL: every segment percent-encoded."""
    return "/".join(quote(part, safe="", errors="surrogateescape") for part in PurePosixPath(path).parts)


def json_value(value: Any) -> Any:
    """Dataclasses, mappings and tuples as dicts and lists; numbers that are not finite as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return json_value(vars(value))
    if isinstance(value, Mapping):
        return {str(name): json_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def inline_json(value: Any) -> Markup:
    """`value` as JSON that may stand in a `<script>` element: no name in it can end the element or begin a comment.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def page_bytes(text: str) -> bytes:
    """A page in UTF-8; a lone surrogate, as a file name may hold, becomes `?`."""
    return text.encode("utf-8", "replace")
