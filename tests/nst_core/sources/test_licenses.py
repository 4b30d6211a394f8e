"""Licences: one name for each however it is stated, and what a run file may leave out."""

from __future__ import annotations

import pytest

from nst_core.errors import ConfigError
from nst_core.sources.licenses import check_exclusions, is_excluded, license_id, license_terms

COCO_LICENSES = [
    ("http://creativecommons.org/licenses/by-nc-sa/2.0/", "Attribution-NonCommercial-ShareAlike License",
     "CC-BY-NC-SA-2.0", {"by", "nc", "sa"}),
    ("http://creativecommons.org/licenses/by-nc/2.0/", "Attribution-NonCommercial License",
     "CC-BY-NC-2.0", {"by", "nc"}),
    ("http://creativecommons.org/licenses/by-nc-nd/2.0/", "Attribution-NonCommercial-NoDerivs License",
     "CC-BY-NC-ND-2.0", {"by", "nc", "nd"}),
    ("http://creativecommons.org/licenses/by/2.0/", "Attribution License", "CC-BY-2.0", {"by"}),
    ("http://creativecommons.org/licenses/by-sa/2.0/", "Attribution-ShareAlike License",
     "CC-BY-SA-2.0", {"by", "sa"}),
    ("http://creativecommons.org/licenses/by-nd/2.0/", "Attribution-NoDerivs License", "CC-BY-ND-2.0", {"by", "nd"}),
    ("http://flickr.com/commons/usage/", "No known copyright restrictions", "No known copyright restrictions", set()),
    ("http://www.usa.gov/copyright.shtml", "United States Government Work", "United States Government Work", set()),
]  # fmt: skip


@pytest.mark.parametrize(("url", "name", "license", "terms"), COCO_LICENSES)
def test_all_eight_licences_of_coco_are_known_with_their_terms(
    url: str, name: str, license: str, terms: set[str]
) -> None:
    assert license_id(url, name) == license_id(url, None) == license
    assert license_terms(license) == license_terms(name) == terms


@pytest.mark.parametrize(
    ("stated", "license"),
    [
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/deed.de", "CC-PDM-1.0"),
        ("https://creativecommons.org/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
        ("https://creativecommons.org/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
        ("https://creativecommons.org/licenses/by-sa/3.0/igo", "CC-BY-SA-3.0-IGO"),
        ("https://creativecommons.org/licenses/by/4.0/deed.en", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode", "CC-BY-4.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("cc-by-nc-2.0", "CC-BY-NC-2.0"),
        ("CC_BY_ND_v3.0", "CC-BY-ND-3.0"),
        ("Creative Commons BY-SA 4.0", "CC-BY-SA-4.0"),
        ("CC BY", "CC-BY"),
        ("https://creativecommons.org/licenses/by-nc", "CC-BY-NC"),
        ("CC0", "CC0-1.0"),
        ("cc0-1.0", "CC0-1.0"),
        ("CC-BY-3.0-DE", "CC-BY-3.0-DE"),
        ("Public domain  (NASA)", "Public domain (NASA)"),
        ("MIT", "MIT"),
        ("CC the editor", "CC the editor"),
        ("https://example.org/terms", "https://example.org/terms"),
    ],
)
def test_a_licence_has_one_name_however_it_is_stated(stated: str, license: str) -> None:
    assert license_id(None, stated) == license
    assert license_id(None, license) == license


def test_an_address_counts_before_a_name_and_a_name_before_an_unknown_address() -> None:
    assert license_id("http://creativecommons.org/licenses/by/2.0/", "All rights reserved") == "CC-BY-2.0"
    assert license_id("https://example.org/terms", "Our own terms") == "Our own terms"
    assert license_id("https://example.org/terms", None) == "https://example.org/terms"


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_no_licence_is_unknown(nothing: str | None) -> None:
    assert license_id(nothing, nothing) is None
    assert license_terms(nothing) == {"unknown"}


def test_terms_are_of_creative_commons_not_of_words_that_look_alike() -> None:
    assert license_terms("CC0-1.0") == license_terms("Used by permission, SA") == license_terms("MIT") == frozenset()


@pytest.mark.parametrize(
    ("license", "exclude", "excluded"),
    [
        ("CC-BY-NC-2.0", ["nc"], True),
        ("CC-BY-NC-2.0", ["NC"], True),
        ("CC-BY-NC-2.0", ["nd", "sa"], False),
        ("CC-BY-NC-2.0", ["by"], True),
        ("CC0-1.0", ["by", "nc", "nd", "sa", "unknown"], False),
        (None, ["unknown"], True),
        (None, ["by", "nc", "CC-BY-4.0"], False),
        ("CC-BY-4.0", ["unknown"], False),
        ("CC-BY-4.0", ["cc-by-4.0"], True),
        ("CC-BY-4.0", ["CC BY 4.0"], True),
        ("CC-BY-4.0", ["CC-BY-2.0"], False),
        ("Public domain (NASA)", ["public domain (nasa)"], True),
        ("CC-BY-4.0", [], False),
    ],
)
def test_a_licence_is_excluded_by_a_term_or_by_its_name(
    license: str | None, exclude: list[str], excluded: bool
) -> None:
    assert is_excluded(license, exclude) is excluded


@pytest.mark.parametrize(
    "stated",
    ["(CC BY-NC 4.0)", "© CC BY-NC 2.0, somebody", "BY-NC-SA 4.0", "by-nc", "Creative Commons BY-NC International"],
)
def test_terms_are_found_among_other_words(stated: str) -> None:
    assert license_terms(license_id(None, stated)) >= {"by", "nc"}
    assert is_excluded(license_id(None, stated), ["NC"])


def test_terms_and_licences_may_be_excluded() -> None:
    check_exclusions(["nc", "ND", "unknown", "CC-BY-4.0", "cc by-sa 2.0", "GPL-3.0-only", "CC0"])
    check_exclusions(["public domain (NASA)"], found=[None, "Public domain (NASA)"])
    check_exclusions([])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("ncc", r" \(did you mean 'nc'\?\)"),
        ("non-commercial", r" \(did you mean 'nc'\?\)"),
        ("NoDerivs", r" \(did you mean 'nd'\?\)"),
        ("share-alike", r" \(did you mean 'sa'\?\)"),
        ("unkown", r" \(did you mean 'unknown'\?\)"),
        ("CC-BY-CN-2.0", r" \(did you mean 'CC-BY-N[CD]-2.0'\?\)"),
        ("CC-BY-XX", r" \(did you mean 'CC-BY-.*'\?\)"),
        ("Public domain (NSA)", r" \(did you mean 'Public domain \(NASA\)'\?\)"),
        ("zzzzz", ""),
    ],
)
def test_a_word_that_could_never_match_is_refused_with_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=rf"content\.exclude_licenses: .* is neither a term .*CC-BY-4\.0{hint}\.$"):
        check_exclusions([word], "content.exclude_licenses", ["Public domain (NASA)"])
