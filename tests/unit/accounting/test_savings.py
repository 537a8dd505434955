"""The bill of a request."""

import pytest

from picegate.accounting.prices import Prices, prices_of
from picegate.accounting.savings import bill
from picegate.core.usage import LegKind, Tally, Tokens
from picegate.settings import CloudSettings, FleetSettings
from tests.unit.happenings import cloud_tally, leg, progressive_tally

PRICES = Prices(input=2.0, cached_input=0.5, output=10.0, edge_output=0.1, currency="EUR")
MILLIONTH = 1e-6


def test_a_progressive_answer_is_billed_by_side() -> None:
    result = bill(progressive_tally(), PRICES)
    assert result.currency == "EUR"
    assert result.cloud == pytest.approx((600 * 2.0 + 400 * 0.5 + 100 * 10.0) * MILLIONTH)
    assert result.edge == pytest.approx((150 + 20 + 130) * 0.1 * MILLIONTH)


def test_the_cloud_alone_would_have_read_the_conversation_and_written_the_whole_answer() -> None:
    result = bill(progressive_tally(), PRICES)
    # 40 % of the sketch's prompt was cached, so 40 % of the conversation's 500 tokens are taken to be.
    assert result.cloud_only == pytest.approx((300 * 2.0 + 200 * 0.5 + 360 * 10.0) * MILLIONTH)
    assert result.saved == pytest.approx(result.cloud_only - result.cloud - result.edge)
    assert result.saved > 0


def test_an_answer_that_the_cloud_wrote_saves_exactly_nothing() -> None:
    tally = cloud_tally()
    tally.legs[0].tokens = Tokens(prompt=503, completion=340, cached=100, reasoning=40)
    assert bill(tally, PRICES).saved == 0.0


def test_thinking_before_a_sketch_would_have_been_paid_for_a_whole_answer_too() -> None:
    tally = progressive_tally()
    without = bill(tally, PRICES).cloud_only
    tally.legs[0].tokens = Tokens(prompt=1000, completion=150, cached=400, reasoning=50)
    assert bill(tally, PRICES).cloud_only == pytest.approx(without + 50 * 10.0 * MILLIONTH)


def test_an_edge_answer_saves_all_of_the_clouds_price() -> None:
    tally = Tally([leg(LegKind.EDGE, "nano-1", Tokens(prompt=100, completion=50))], 100, 50, 0.1, 2.0)
    result = bill(tally, PRICES)
    assert result.cloud == 0
    assert result.cloud_only == pytest.approx((100 * 2.0 + 50 * 10.0) * MILLIONTH)


def test_a_request_of_which_the_reader_got_nothing_saved_nothing() -> None:
    tally = progressive_tally()
    tally.completion_tokens = 0
    assert bill(tally, PRICES).saved <= 0
    assert bill(Tally(prompt_tokens=500), PRICES).saved == 0


def test_an_upstream_that_counts_more_cached_than_read_tokens_is_not_paid_for_it() -> None:
    tally = Tally([leg(LegKind.SKETCH, "cloud", Tokens(prompt=10, cached=90, completion=1))], 10, 1)
    assert bill(tally, PRICES).cloud == pytest.approx((10 * 0.5 + 10.0) * MILLIONTH)


def test_cached_input_costs_as_much_as_input_unless_the_config_says_otherwise() -> None:
    cloud = CloudSettings(base_url="http://c/v1", model="m", price_input=3, price_output=9, currency="JPY")
    fleet = FleetSettings(price_output=0.2)
    assert prices_of(cloud, fleet) == Prices(3, 3, 9, 0.2, "JPY")
    free = cloud.model_copy(update={"price_cached_input": 0.0})
    assert prices_of(free, fleet).cached_input == 0
