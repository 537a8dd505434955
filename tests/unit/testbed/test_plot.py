"""Plots, as far as they are text: what stands on them."""

import pytest

from picegate.testbed.plot import amounts_svg


@pytest.mark.parametrize(
    ("amounts", "shown"),
    [((0.6154, 0.6791), ("0.615", "0.679 (+10 %)")), ((7.14, 7.66), ("7.14", "7.66 (+7 %)")), ((151.93,), ("151.9",))],
)
def test_amounts_have_digits_enough_to_be_told_apart(amounts: tuple[float, ...], shown: tuple[str, ...]) -> None:
    plot = amounts_svg("Quality", {f"policy {number}": amount for number, amount in enumerate(amounts)})
    assert all(f">{one}</text>" in plot for one in shown)
