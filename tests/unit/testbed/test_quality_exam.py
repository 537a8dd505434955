"""The exam of planted faults."""

import pytest

from picegate.assembly.scoring import BIAS, WEIGHTS
from picegate.settings import QualitySettings
from picegate.testbed.quality import leaked
from picegate.testbed.quality.exam import Share, examine, fitted
from picegate.testbed.quality.faults import RULES, plant
from picegate.testbed.quality.passages import examples


def test_the_halves_share_neither_a_topic_nor_a_leaked_phrase() -> None:
    tuning, held_back = examples()
    assert len(tuning) + len(held_back) >= 60
    assert not {example.topic for example in tuning} & {example.topic for example in held_back}
    for one, other in zip(
        (*leaked.TUNING.english, *leaked.TUNING.japanese),
        (*leaked.HELD_BACK.english, *leaked.HELD_BACK.japanese),
        strict=True,
    ):
        assert not set(one) & set(other)


def test_every_kind_of_fault_is_planted_in_every_half_and_spoils_something() -> None:
    planted = [
        plant(half, phrases) for half, phrases in zip(examples(), (leaked.TUNING, leaked.HELD_BACK), strict=True)
    ]
    assert sum(map(len, planted)) >= 300
    for faults in planted:
        assert {fault.kind for fault in faults} == set(RULES)
        assert all(fault.text != fault.example.text for fault in faults)


def test_the_same_faults_are_planted_every_time() -> None:
    half, _ = examples()
    assert plant(half, leaked.TUNING) == plant(half, leaked.TUNING)


def test_the_bars_are_met_on_the_half_held_back() -> None:
    _, held_back = examine(QualitySettings().threshold)
    assert held_back.met, held_back.as_data()


def test_the_weights_are_what_the_tuning_half_asks_for() -> None:
    bias, weights = fitted()
    assert bias == pytest.approx(BIAS, abs=0.1)
    assert weights == pytest.approx({name: WEIGHTS[name] for name in weights}, abs=0.1)
    assert set(WEIGHTS) - set(weights) == {"unsure", "sibling"}


def test_an_interval_holds_its_share() -> None:
    assert Share(0, 0).interval == (0.0, 1.0)
    assert Share(0, 34).interval == pytest.approx((0.0, 0.1015), abs=1e-3)
    low, high = Share(95, 100).interval
    assert low < 0.95 < high
