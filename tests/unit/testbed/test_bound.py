"""The capacity bound, against cases worked out by hand and against the figures of the headline testbed."""

import pytest

from picegate.testbed.bench.bound import Option, bound_of, capacity, options_of
from picegate.testbed.bench.workload import workload
from picegate.testbed.emulated.faults import Faults
from picegate.testbed.emulated.profile import load_profile
from picegate.testbed.emulated.site import Site


def test_without_edges_the_bound_is_the_cloud_alone() -> None:
    found = capacity([[Option(2.0, 0.0), Option(0.5, 1.0)], [Option(1.0, 0.0)]], edges=0)
    assert found.per_s == found.cloud_only_per_s == pytest.approx(2 / 3)


def test_with_more_edges_than_are_needed_the_clouds_own_share_binds() -> None:
    found = capacity([[Option(2.0, 0.0), Option(0.5, 1.0)]], edges=100)
    assert found.per_s == pytest.approx(2.0)
    assert found.cloud_price == 1.0


def test_with_few_edges_a_share_of_the_questions_stays_in_the_cloud() -> None:
    # A share x is delegated. Cloud 2 - 1.5 x and edge x are equal at x = 0.8: an answer takes 0.8 s of both.
    assert capacity([[Option(2.0, 0.0), Option(0.5, 1.0)]], edges=1).per_s == pytest.approx(1.25)
    # With edge 2 x they are equal at x = 4/7: 8/7 s.
    assert capacity([[Option(2.0, 0.0), Option(0.5, 2.0)]], edges=1).per_s == pytest.approx(0.875)


def test_the_questions_that_save_most_per_second_of_an_edge_are_delegated_first() -> None:
    good, poor = [Option(2.0, 0.0), Option(0.0, 1.0)], [Option(2.0, 0.0), Option(1.0, 4.0)]
    # All of the good, a share x of the poor: cloud 2 - x, edge 1 + 4 x, equal at x = 0.2: a round takes 1.8 s.
    assert capacity([good, poor], edges=1).per_s == pytest.approx(2 / 1.8)


def test_no_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="no questions"):
        capacity([], edges=1)


def test_the_headline_testbeds_bound_is_the_published_one() -> None:
    cloud, edge = load_profile("headline-cloud").engine, load_profile("headline-orin").engine
    options = [options_of(question, cloud, edge) for question in workload("vicuna80").questions]
    gains = {edges: round(capacity(options, edges).gain, 1) for edges in (1, 2, 4, 6, 8, 16)}
    assert gains == {1: 1.3, 2: 1.6, 4: 2.2, 6: 2.8, 8: 3.4, 16: 3.4}


def test_slow_edges_and_long_sketches_lower_the_bound() -> None:
    cloud, edge = load_profile("headline-cloud"), load_profile("headline-orin")
    asked = workload("vicuna80").questions
    two = bound_of(Site(cloud, edge, edges=2), asked).per_s
    assert bound_of(Site(cloud, edge, edges=4, edge_faults=Faults(slowness=2.0)), asked).per_s == pytest.approx(two)
    assert bound_of(Site(cloud, edge, edges=2, straggler=2.0), asked).per_s < two
    assert bound_of(Site(cloud, edge, edges=2, sketch_scale=1.5), asked).per_s < two
