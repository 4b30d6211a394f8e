"""The parts that all pages share: their look (`templates/`), and the texts of numbers, addresses and data.

A page asks no other host for anything. Style, script and data stand in the page itself: one that is opened from disk
cannot fetch them.
"""

from nst_core.views.web.environment import environment
from nst_core.views.web.text import address, inline_json, json_value, number, page_bytes, quantity

__all__ = ["address", "environment", "inline_json", "json_value", "number", "page_bytes", "quantity"]
