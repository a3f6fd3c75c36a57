"""Coverage of intervals and sets, by simulation: split-conformal promises hold for whatever a network predicts."""

import numpy as np
import pytest

from medley.core.codec import Encoded
from medley.errors import ArtifactError, ConfigError
from medley.heads import ClassificationHead, CountHead, OrderedHead, RegressionHead
from medley.trust.conformal import ClassSets, NumberIntervals, fit_conformal, quantile_rank


def simulated(rng, rows, *, is_log=False):
    """Targets, and predictions that are wrong by more where they are high."""
    predicted = rng.normal(size=rows)
    error = np.exp(predicted) * rng.standard_t(4, rows) * 0.3 + 0.1
    return predicted + error if not is_log else np.exp(predicted + 0.2 * error), predicted[:, None]


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("rows", [60, 1000])
def test_intervals_of_numbers_hold_the_truth_as_often_as_asked(rows, is_log):
    rng = np.random.default_rng(0)
    covered = {0.5: [], 0.9: []}
    codec = RegressionHead(scale="log" if is_log else "linear").codec().fit(simulated(rng, 2000, is_log=is_log)[0])
    for _ in range(60):
        truth, predicted = simulated(rng, rows + 200, is_log=is_log)
        raw = codec.encode(np.exp(predicted) if is_log else predicted).array
        encoded = codec.encode(truth)
        fitted = fit_conformal(codec, raw[:rows], Encoded(encoded.array[:rows], encoded.present[:rows]), None, None)
        for level, hits in covered.items():
            low, high = fitted.bounds(codec, raw[rows:], level, "price")
            hits += ((low <= truth[rows:]) & (truth[rows:] <= high)).tolist()
    for level, hits in covered.items():
        # At least the level, and at most 1 / (n + 1) more, apart from the noise of 60 draws of the validation rows.
        assert level - 0.015 < np.mean(hits) < level + 0.015 + 1 / (rows * 0.7)


def test_intervals_are_wider_where_errors_are_larger():
    rng = np.random.default_rng(1)
    truth, raw = simulated(rng, 2000)
    codec = RegressionHead(scale="linear").codec().fit([-1.0, 1.0])  # standardised units are those of the target
    low, high = fit_conformal(codec, raw, codec.encode(truth), None, None).bounds(codec, raw, 0.9, "price")
    width, predicted = high - low, raw[:, 0]
    assert width[predicted > 1].mean() > 3 * width[predicted < -1].mean()
    inside = (low <= truth) & (truth <= high)
    assert inside[predicted > 1].mean() == pytest.approx(0.9, abs=0.06)


def test_counts_are_never_negative():
    rng = np.random.default_rng(0)
    rate = np.exp(rng.normal(size=3000))
    counts = rng.poisson(rate)
    codec = CountHead().codec().fit(counts)
    raw = np.log(rate / codec.mean)[:, None]
    fitted = fit_conformal(codec, raw[:1500], codec.encode(counts[:1500]), None, None)
    low, high = fitted.bounds(codec, raw[1500:], 0.8, "visits")
    assert (low >= 0).all()
    assert 0.78 < ((low <= counts[1500:]) & (counts[1500:] <= high)).mean() < 0.87


@pytest.mark.parametrize("head", [ClassificationHead(), OrderedHead()])
def test_sets_of_classes_hold_the_truth_as_often_as_asked(head):
    rng = np.random.default_rng(0)
    covered, sizes = [], []
    codec = head.codec().fit([0, 1, 2, 3])
    for _ in range(40):
        raw = 2 * rng.normal(size=(600, len(codec.prior)))
        drawn = np.random.default_rng(1).permutation(4)[: len(raw[0])]
        truth = (codec.probabilities(raw + 0.3 * drawn).cumsum(1) > rng.random((600, 1))).argmax(1)
        encoded = codec.encode(truth)
        fitted = fit_conformal(codec, raw[:300], Encoded(encoded.array[:300], encoded.present[:300]), None, None)
        members = fitted.members(codec.probabilities(raw[300:]), 0.9, "kind")
        covered += members[np.arange(300), truth[300:]].tolist()
        sizes += members.sum(1).tolist()
    assert 0.88 < np.mean(covered) < 0.92
    assert min(sizes) >= 1


def test_only_one_row_of_a_group_counts():
    codec = RegressionHead(scale="linear").codec().fit([-1.0, 1.0])
    truth = np.repeat(np.arange(30.0), 10)
    args = (codec, np.zeros((300, 1)), codec.encode(truth), None)
    fitted = fit_conformal(*args, np.repeat(np.arange(30), 10))
    assert len(fitted.scores[0]) == 30
    with pytest.raises(
        ConfigError, match=r"price: interval=0\.99 needs 99 independent validation rows.* has 30.*0\.967"
    ):
        fitted.bounds(codec, np.zeros((1, 1)), 0.99, "price")
    assert fit_conformal(*args, np.repeat(np.arange(6), 50)) is None
    weight = np.zeros(300)
    weight[:20] = 1
    assert len(fit_conformal(*args[:3], weight, None).scores[0]) == 20


def test_columns_of_several_numbers_have_intervals_of_their_own():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(400, 2)) * [1, 10]
    truth[::3, 1] = np.nan
    codec = RegressionHead(scale="linear").codec().fit(truth)
    fitted = fit_conformal(codec, np.zeros((400, 2)), codec.encode(truth), None, None)
    low, high = fitted.bounds(codec, np.zeros((1, 2)), 0.9, "place")
    np.testing.assert_allclose((high - low)[0], [3.3, 33], rtol=0.2)
    assert len(fitted.scores[1]) < len(fitted.scores[0])


def test_ranks_are_those_of_the_papers():
    assert [quantile_rank(rows, 0.9) for rows in (8, 9, 19, 99)] == [None, 9, 18, 90]


def states():
    codec = RegressionHead(scale="linear").codec().fit(np.arange(300.0))
    raw = codec.encode(np.arange(300.0)).array
    numbers = fit_conformal(codec, raw, codec.encode(np.arange(300.0)[::-1]), None, None)
    kinds = ClassificationHead().codec().fit([0, 1])
    return [(numbers, codec), (ClassSets(np.array([0.1, 0.2])), kinds)]


@pytest.mark.parametrize(("fitted", "codec"), states(), ids=["numbers", "classes"])
def test_states_are_restored_and_hostile_ones_refused(fitted, codec):
    state = fitted.state()
    again = type(fitted).restore(state, codec)
    assert np.array_equal(again.state()["scores/0"], state["scores/0"])
    if isinstance(fitted, NumberIntervals):
        assert fitted.bounds(codec, np.ones((1, 1)), 0.5, "y") == again.bounds(codec, np.ones((1, 1)), 0.5, "y")
    for name in state:
        for value in ("lion", np.array([np.nan, 1.0]), np.array([2.0, 1.0, -1.0]), None, -1):
            with pytest.raises(ArtifactError):
                type(fitted).restore({**state, name: value}, codec)
