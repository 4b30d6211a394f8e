"""A hook of mkdocs: on the site, links into the code become the names of the files that they lead to."""

import re

_CODE = re.compile(r"\[([^\]]+)\]\(\.\./(?:nst_core|flows|tests|configs)/[^)]*\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    return _CODE.sub(r"`\1`", markdown)
