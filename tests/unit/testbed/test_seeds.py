"""Which seeds a table or a plot is of, in words."""

import pytest

from picegate.testbed.bench.seeds import Seeded


@pytest.mark.parametrize(
    ("asked", "done", "told"),
    [
        (1, 1, "seed 1"),
        (2, 2, "mean of seeds 1, 2"),
        (5, 5, "mean of seeds 1 to 5"),
        (5, 3, "mean of seeds 1 to 3 (of 1 to 5: stopped early)"),
        (2, 1, "seed 1 (of 1, 2: stopped early)"),
        (2, 0, "seed 1 as far as it went"),
    ],
)
def test_a_title_says_of_which_seeds_everything_was_measured(asked: int, done: int, told: str) -> None:
    of = Seeded(seeds=tuple(range(1, asked + 1)), done=list(range(1, done + 1)))
    assert of.told == told
    assert of.interrupted is (done < asked)
