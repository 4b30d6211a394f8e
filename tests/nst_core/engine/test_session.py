"""Sessions: loaded once, targets kept, and less at a time where memory runs out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nst_core.engine import method_session
from nst_core.engine import session as session_module
from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.method_session import OutOfMemory
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import Session, session_for
from nst_core.engine.style_targets import StyleTarget, style_target
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.watch import Watch
from nst_core.errors import ConfigError, ResourceError

CPU = torch.device("cpu")
RECIPE = Recipe(
    "test",
    ContentTerm((("fire2", 1.0),), loss="relative"),
    StyleTerm((("relu1", 1.0),), loss="frobenius"),
    features="squeezenet1_1",
    weights="random",
    evaluations=3,
    precision="float32",
)


@pytest.fixture(autouse=True)
def no_sessions_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(session_module, "_sessions", Cache(session_module.MAX_SESSIONS))
    monkeypatch.setattr(session_module, "_extractors", Cache(session_module.MAX_SESSIONS))
    return


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(RECIPE, CPU)


def pairs(session: Session, count: int) -> Pairs:
    images = torch.rand(2 * count, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    targets = [style_target(image, RECIPE, session.extractor) for image in images[count:]]
    weights = [1.0 + k for k in range(count)]
    return Pairs(images[:count], targets, list(range(count)), weights, weights[::-1])


def fits(most: int, error: RuntimeError, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let batches of more than `most` run out of memory; returns the batch sizes tried."""
    tried: list[int] = []

    def limited(pairs: Pairs, *arguments: object) -> StylizedBatch:
        tried.append(len(pairs.contents))
        if len(pairs.contents) > most:
            raise error
        return stylize_batch(pairs, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(session_module, "stylize_batch", limited)
    return tried


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.fixture
def fresh() -> Session:
    """A session that has not run out of memory yet."""
    return Session(RECIPE, CPU)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["gpu", "cpu", "cublas"])
def test_out_of_memory_halves_the_batch_and_keeps_the_order(
    error: RuntimeError, fresh: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pairs(fresh, 5)
    tried = fits(2, error, monkeypatch)
    stylized = fresh.stylize(batch, Watch())
    assert tried == [5, 2, 2, 1]
    whole = stylize_batch(batch, RECIPE, fresh.extractor)
    torch.testing.assert_close(stylized.images, whole.images, atol=1e-4, rtol=0)
    assert [t[-1].total for t in stylized.traces] == pytest.approx([t[-1].total for t in whole.traces], rel=1e-3)
    assert stylized.failed == [False] * 5
    assert stylized.evaluations == 3


def test_what_fitted_is_remembered_by_shape_and_parts_batches_alike(
    fresh: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = pairs(fresh, 5)
    tried = fits(1, OUT_OF_MEMORY[0], monkeypatch)
    first = fresh.stylize(batch, Watch())
    assert tried == [5, 2, 1, 1, 1, 1, 1]
    tried.clear()
    second = fresh.stylize(batch, Watch())
    assert tried == [1, 1, 1, 1, 1], "no batch that is known not to fit is tried again"
    assert torch.equal(first.images, second.images)
    tried.clear()
    fresh.stylize(replace(batch, contents=batch.contents[..., :24]), Watch())
    assert tried[0] == 5, "another shape may fit"


def test_a_batch_that_fits_is_never_parted(fresh: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = fits(4, OUT_OF_MEMORY[0], monkeypatch)
    for count in (2, 4, 3):
        fresh.stylize(pairs(fresh, count), Watch())
    assert tried == [2, 4, 3]


def test_parts_report_as_parts_of_the_whole(fresh: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    fits(2, OUT_OF_MEMORY[0], monkeypatch)
    done, seen = [], []
    watch = Watch(
        report_every=1,
        progress=lambda evaluation, _: done.append(evaluation),
        preview_every=RECIPE.evaluations,
        preview=lambda evaluation, row, image: seen.append((evaluation, row)),
    )
    fresh.stylize(pairs(fresh, 5), watch)
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, RECIPE.evaluations)
    assert done.count(RECIPE.evaluations) == 1, "the whole is done when its last part is"
    assert seen == [(0, row) for row in range(5)]


def test_a_single_pair_that_does_not_fit_is_a_resource_error_with_a_way_out(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits(0, OUT_OF_MEMORY[0], monkeypatch)
    with pytest.raises(OutOfMemory, match=r"32 × 24 pixels does not fit .* smaller method\.size") as caught:
        session.stylize(pairs(session, 4), Watch())
    assert isinstance(caught.value, ResourceError)


def test_other_errors_are_not_taken_for_lack_of_memory(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = fits(0, RuntimeError("shape mismatch"), monkeypatch)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        session.stylize(pairs(session, 4), Watch())
    assert tried == [4]


def test_style_targets_are_made_once_and_kept(session: Session) -> None:
    made = []

    def make() -> StyleTarget:
        made.append(1)
        return style_target(torch.rand(3, 24, 24), RECIPE, session.extractor)

    assert session.target("a", make) is session.target("a", make)
    assert session.target("b", make) is not session.target("a", make)
    assert len(made) == 2


def test_targets_are_kept_by_their_bytes_and_the_least_recently_used_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    bytes_each = 4 * (64**2 + 3 + 9)  # the Gram matrix of relu1's 64 channels, and the colours
    monkeypatch.setattr(method_session, "TARGET_BYTES", 3 * bytes_each - 1)
    session, made = Session(RECIPE, CPU), []

    def ask(key: str) -> None:
        def make() -> StyleTarget:
            made.append(key)
            return style_target(torch.rand(3, 24, 24), RECIPE, session.extractor)

        session.target(key, make)

    for key in "abacab":
        ask(key)
    assert made == ["a", "b", "c", "b"]


def test_a_target_of_any_size_is_kept_until_the_next(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method_session, "TARGET_BYTES", 1)
    tight = Session(RECIPE, CPU)
    target = style_target(torch.rand(3, 24, 24), RECIPE, session.extractor)
    assert tight.target("a", lambda: target) is tight.kept_target("a")
    tight.target("b", lambda: target)
    assert tight.kept_target("a") is None


def test_the_image_of_a_target_counts(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    target = style_target(torch.rand(3, 96, 96), replace(RECIPE, start="style"), session.extractor)
    monkeypatch.setattr(method_session, "TARGET_BYTES", 2 * 4 * 3 * 96**2)
    tight = Session(RECIPE, CPU)
    for key in "ab":
        tight.target(key, lambda: target)
    assert tight.kept_target("a") is None


def test_threads_that_make_the_same_target_share_the_first(session: Session) -> None:
    both_are_making = threading.Barrier(2, timeout=10)
    got: list[StyleTarget] = []

    def make() -> StyleTarget:
        target = style_target(torch.rand(3, 24, 24), RECIPE, session.extractor)
        both_are_making.wait()
        return target

    threads = [threading.Thread(target=lambda: got.append(session.target("race", make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got[0] is got[1]


def test_a_style_target_does_not_depend_on_what_it_is_used_with(session: Session) -> None:
    batch = pairs(session, 2)
    (((_, grams),),) = batch.targets[0].losses.values()
    before = {name: gram.clone() for name, gram in grams.items()}
    session.stylize(batch, Watch())
    assert all(torch.equal(gram, before[name]) for name, gram in grams.items())


def test_a_recipe_has_one_session_per_device_whatever_its_size() -> None:
    one = session_for(RECIPE, CPU)
    assert session_for(replace(RECIPE), torch.device("cpu")) is one
    assert session_for(replace(RECIPE, size=512), CPU) is one
    assert session_for(replace(RECIPE, beta=7.0), CPU) is not one


def test_sessions_are_loaded_once_by_however_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    original = session_module.build_extractor
    monkeypatch.setattr(session_module, "build_extractor", lambda recipe: (built.append(1), original(recipe))[1])
    threads = [threading.Thread(target=session_for, args=(RECIPE, CPU)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 1


def test_recipes_that_look_by_the_same_network_share_it() -> None:
    one = session_for(RECIPE, CPU)
    variants = [replace(RECIPE, alpha=float(alpha), evaluations=alpha) for alpha in range(1, 10)]
    assert all(session_for(variant, CPU).extractor is one.extractor for variant in variants)
    assert session_for(RECIPE, CPU) is not one, "the least recently used sessions are dropped"
    for other in (replace(RECIPE, precision="bfloat16"), replace(RECIPE, pooling="average")):
        assert session_for(other, CPU).extractor is not one.extractor


def test_a_shared_network_is_still_checked_for_the_layers() -> None:
    session_for(RECIPE, CPU)
    wrong = replace(RECIPE, style=StyleTerm((("relu9_9", 1.0),)))
    with pytest.raises(ConfigError, match=r"squeezenet1_1 has no layer 'relu9_9'"):
        session_for(wrong, CPU)


def test_a_recipe_that_cannot_be_built_leaves_no_session_behind() -> None:
    wrong = replace(RECIPE, features="resnet")
    for _ in range(2):
        with pytest.raises(ConfigError):
            session_for(wrong, CPU)


def test_the_inputs_of_a_batch_are_left_as_they_are(session: Session) -> None:
    batch = pairs(session, 2)
    before: Tensor = batch.contents.clone()
    session.stylize(batch, Watch())
    assert torch.equal(batch.contents, before)
