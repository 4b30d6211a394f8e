"""What annotation files say beside images and annotations, of several files in one: categories merged by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nst_core.sources.coco_entries import EntryFault, Identifier, category_entry, identifier, license_entry
from nst_core.storage.names import name_key

_Numbers = dict[Identifier, Identifier]


class MergedHeader:
    """The header of an export.

    Categories of the same name, and licences of the same name and address, become one; the first file's ids are kept,
    and ids of later files that are taken are given anew. One file alone is left as it is, but for entries that no
    reader can use.

    Attributes:
        header: info, licences, categories and whatever else stands at the top, the first file's where several have it.
    """

    def __init__(self, files: Sequence[Mapping[str, Any]]) -> None:
        self.header: dict[str, Any] = {"info": {}, "licenses": []}
        for sections in reversed(files):
            self.header |= {key: value for key, value in sections.items() if key not in ("images", "annotations")}
        told = self.header["info"]
        self.header["info"] = dict(told) if isinstance(told, Mapping) else {"description": told} if told else {}
        categories, self._categories = _merged(files, "categories", _category_key)
        self.header.pop("categories", None)
        if categories:  # without any, pycocotools asks no annotation for its category
            self.header["categories"] = categories
        self.header["licenses"], self._licenses = _merged(files, "licenses", _license_key)

    def check_category(self, file: int, annotation: Mapping[str, Any]) -> None:
        """Raise EntryFault for an annotation of a category that its file lists categories without."""
        number = identifier(annotation.get("category_id"))
        if number is not None and self._categories[file] and number not in self._categories[file]:
            raise EntryFault("whose category_id is none of the categories", annotation["category_id"])

    def annotation(self, file: int, annotation: dict[str, Any]) -> dict[str, Any]:
        """An annotation with the id that its category has here."""
        return _renumbered(annotation, "category_id", self._categories[file])

    def image(self, file: int, entry: dict[str, Any]) -> dict[str, Any]:
        """An image's entry with the id that its licence has here."""
        return _renumbered(entry, "license", self._licenses[file])


def _merged(
    files: Sequence[Mapping[str, Any]], section: str, key_of: Callable[[Any], tuple[Identifier, Any]]
) -> tuple[list[Any], list[_Numbers]]:
    """The entries of all files, and for each file the ids that its own have become."""
    entries: list[Any] = []
    known: dict[Any, Identifier] = {}
    used: set[Identifier] = set()
    numbers: list[_Numbers] = []
    for place, sections in enumerate(files):
        renumbered: _Numbers = {}
        listed = sections.get(section)
        for entry in listed if isinstance(listed, list) else []:
            try:
                number, key = key_of(entry)
            except EntryFault:
                continue  # the reader has told it
            if place == 0 or key not in known:
                new = number if place == 0 or number not in used else _free(used)
                entries.append(entry if new == number else {**entry, "id": new})
                used.add(new)
                known.setdefault(key, new)
                renumbered[number] = new
            else:
                renumbered[number] = known[key]
        numbers.append(renumbered)
    return entries, numbers


def _free(used: set[Identifier]) -> int:
    return max((number for number in used if isinstance(number, int)), default=0) + 1


def _category_key(entry: Any) -> tuple[Identifier, str]:
    number, name = category_entry(entry)
    return number, name_key(name)


def _license_key(entry: Any) -> tuple[Identifier, Any]:
    number, name = license_entry(entry)
    return number, (name, entry.get("name"), entry.get("url"))


def _renumbered(entry: dict[str, Any], key: str, numbers: _Numbers) -> dict[str, Any]:
    number = identifier(entry.get(key))
    return entry if number is None or numbers.get(number, number) == number else {**entry, key: numbers[number]}
