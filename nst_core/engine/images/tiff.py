from typing import Any
def missing_strips(image: Any, size: int) -> bool:
    tags = getattr(image, "tag_v2", {})
    for offsets, lengths in ((273, 279), (324, 325)):
        if tags.get(259, 1) != 1 and offsets in tags and lengths in tags:
            return any(offset + length > size for offset, length in zip(tags[offsets], tags[lengths], strict=False))
    return False
