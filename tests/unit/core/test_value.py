"""Values are what their fields are, and hold nothing else; that nobody changes them the type checker sees."""

from dataclasses import field, replace

import pytest

from picegate.core.value import value


@value
class Pair:
    left: int
    right: tuple[int, ...] = field(default_factory=tuple)


def test_equal_fields_make_equal_values_of_equal_hash() -> None:
    assert Pair(1, (2,)) == Pair(1, (2,)) != Pair(1)
    assert {Pair(1): "one"}[Pair(1)] == "one"
    assert replace(Pair(1), left=2) == Pair(2)


def test_a_value_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        object.__setattr__(Pair(1), "middle", 3)
