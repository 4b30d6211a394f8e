"""Paint the pictures of the `sample` source: `uv run python docs/make_paintings.py` writes them into the package.

They ship with it, so that nobody waits for them; the painters stay here, for whoever wants others.
"""

from __future__ import annotations

from painters.painter import PAINTERS, WORKS_PER_PAINTER, paint
from PIL import Image

from nst_core.sources.sample import PAINTINGS
from nst_core.storage.slugs import slugify


def main() -> None:
    PAINTINGS.mkdir(exist_ok=True)
    for painter in PAINTERS:
        for number in range(1, WORKS_PER_PAINTER + 1):
            file = PAINTINGS / f"{slugify(painter.name)}-{number}.jpg"
            Image.fromarray(paint(painter, number)).save(file, quality=90)


if __name__ == "__main__":
    main()
