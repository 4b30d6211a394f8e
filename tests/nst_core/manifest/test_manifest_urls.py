"""URLs in a manifest: which may stand there, and pictures that stay the same under a new signature."""

from __future__ import annotations

from pathlib import Path

import pytest
from catalogues import contents, styles

from nst_core.errors import ManifestError
from nst_core.manifest.pairing import Pair, StyleSet
from nst_core.manifest.pairs import read_pairs
from nst_core.manifest.urls import remember_urls
from nst_core.plan.pair_table import pair_id
from nst_core.storage.signed_urls import address_of
from nst_core.storage.web_access import allow_private_addresses

AZURE = "https://a.blob.core.windows.net/c/{name}.png?sv=2024&se=2026-11-29&sr=b&sp=r&sig={sig}"


def pairs(folder: Path, *names: str, planned: tuple[str, ...] = ()) -> list[Pair]:
    path = folder / "manifest.csv"
    path.write_text("content,style\n" + "".join(f'"{name}",Monet/3.jpg\n' for name in names), encoding="utf-8")
    return read_pairs(path, 0, contents(3), StyleSet(styles(Monet=9)), lambda: planned)


def ids(found: list[Pair]) -> list[str]:
    return [pair_id(pair, "method") for pair in found]


def test_urls_that_data_may_not_name_are_faults_of_their_rows_all_at_once(tmp_path: Path) -> None:
    names = ("zip::http://169.254.169.254/a.zip", "https://e.org/a.png", "zip://a.png::http://me:HUSH@10.0.0.1/a.zip",
             "file:///etc/passwd", "github://o:r@main/a.png", "s3://me:HUSH@bucket/a.png")  # fmt: skip
    with pytest.raises(ManifestError) as refused:
        pairs(tmp_path, *names)
    message = str(refused.value)
    assert "5 faults" in message
    assert all(f"row {number}, column content" in message for number in (2, 4, 5, 6, 7))
    assert "row 3" not in message
    assert "HUSH" not in message


def test_a_key_of_the_run_file_lets_data_name_any(tmp_path: Path) -> None:
    allow_private_addresses(True)
    assert len(pairs(tmp_path, "memory://place/a.png", "zip://a.png::memory://place/a.zip")) == 2


def test_a_pair_keeps_its_id_when_its_picture_is_signed_anew(tmp_path: Path) -> None:
    first = pairs(tmp_path, AZURE.format(name="a", sig="HUSH%2F1"), AZURE.format(name="b", sig="HUSH2"))
    again = pairs(tmp_path, AZURE.format(name="a", sig="OTHER"), AZURE.format(name="b", sig="OTHER2"))
    assert ids(first) == ids(again)
    assert len(set(ids(first))) == 2
    assert "HUSH" not in str(first)
    assert address_of(str(again[0].content.path)) == AZURE.format(name="a", sig="OTHER")


def test_an_address_without_a_signature_gives_the_ids_of_earlier_versions(tmp_path: Path) -> None:
    (pair,) = pairs(tmp_path, "https://example.org/get?picture=abc")
    assert pair.content.identity == "https://example.org/get?picture=abc"
    assert pair.content.id == "https://example.org/get?picture=***ba7816bf"
    assert ids([pair]) == ["ca2122e8ffcf24a1"]


def test_a_picture_planned_with_its_signature_keeps_that_id(tmp_path: Path) -> None:
    old = AZURE.format(name="a", sig="OLD")
    (now,) = pairs(tmp_path, AZURE.format(name="a", sig="NEW"), planned=(old, "https://e.org/b.png"))
    assert now.content.identity == old
    assert "OLD" not in str(now.content.id)
    (new,) = pairs(tmp_path, AZURE.format(name="a", sig="NEW"), planned=(str(now.content.id),))
    assert new.content.identity == "https://a.blob.core.windows.net/c/a.png", "what is masked is no earlier identity"


def test_two_addresses_that_differ_in_a_token_alone_may_be_two_pictures(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"names https://e.org/share\?token=\*\*\* with two different values"):
        pairs(tmp_path, "https://e.org/share?token=HUSH1", "https://e.org/share?token=HUSH2")


def test_one_picture_may_be_signed_several_times(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    rows = [(AZURE.format(name="a", sig=str(number)), f"Monet/{number}.jpg") for number in range(3)]
    path.write_text("content,style\n" + "".join(f"{content},{style}\n" for content, style in rows), encoding="utf-8")
    found = read_pairs(path, 0, contents(3), StyleSet(styles(Monet=9)))
    assert len({pair.content.id for pair in found}) == 1


def test_an_address_without_its_secrets_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="stands here without its secrets"):
        pairs(tmp_path, "https://e.org/a.png?sig=***")


def test_the_addresses_of_a_manifest_serve_a_plan_that_is_read_later(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("content,style\nhttps://later.org/a.png?sig=HUSH,https://later.org/b.png?sig=HUSH2@0.5;c.png@0.5\n")
    remember_urls(path)
    assert address_of("https://later.org/a.png?sig=***") == "https://later.org/a.png?sig=HUSH"
    assert address_of("https://later.org/b.png?sig=***") == "https://later.org/b.png?sig=HUSH2"
    remember_urls(tmp_path / "gone.csv")
