"""What a decision takes as the fleet grows: every size is measured, and one of them has a bar."""

import pytest

from picegate.testbed.bench.growth import BAR_MS, BAR_NODES, Growth, fleet, growth


def test_every_size_is_measured() -> None:
    made = growth((1, 3), 2)
    assert [one.nodes for one in made] == [1, 3]
    assert all(min(one.plan, one.place, one.size) > 0 for one in made)


def test_the_nodes_of_the_fleet_are_known_and_of_several_speeds() -> None:
    paces = [node.pace for node in fleet(14).view()]
    assert None not in paces
    assert len({round(pace.step_s, 3) for pace in paces if pace is not None}) == 7


@pytest.mark.parametrize(
    ("one", "met"),
    [
        (Growth(BAR_NODES, plan=BAR_MS, place=0.1, size=0.1), True),
        (Growth(BAR_NODES, plan=1.01 * BAR_MS, place=0.1, size=0.1), False),
        (Growth(BAR_NODES, plan=0.1, place=1.01 * BAR_MS, size=0.1), False),
        (Growth(BAR_NODES, plan=0.1, place=0.1, size=1.01 * BAR_MS), False),
        (Growth(10 * BAR_NODES, plan=9 * BAR_MS, place=9 * BAR_MS, size=9 * BAR_MS), True),
    ],
)
def test_the_bar_is_about_one_size_and_every_decision(one: Growth, met: bool) -> None:
    assert one.met is met
