"""Which models stay in memory: the decision alone, sizes as small numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.models.residents import Resident, admit, most, relieve

MAIN = Resident("main", 8, used_s=0, main=True)
OLD = Resident("old", 2, used_s=1)
NEW = Resident("new", 3, used_s=5)
BUSY = Resident("busy", 4, used_s=0, busy=True)
ALL = (MAIN, NEW, BUSY, OLD)


@pytest.mark.parametrize(
    ("need", "room", "fits", "unload"),
    [
        (5, 9, True, ()),
        (5, 5, True, ()),
        (5, 4, True, ("old",)),
        (5, 2, True, ("old", "new")),
        (5, 0, True, ("old", "new")),
        (6, 0, False, ()),
        (1, -2, True, ("old", "new")),
        (0, -9, False, ()),
        (10**12, None, True, ()),
    ],
)
def test_who_goes_for_a_model_that_is_asked_for(
    need: int, room: int | None, fits: bool, unload: tuple[str, ...]
) -> None:
    verdict = admit(need, room, ALL)
    assert (verdict.fits, verdict.unload) == (fits, unload)


@pytest.mark.parametrize(
    ("room", "unload"), [(1, ()), (0, ()), (-1, ("old",)), (-3, ("old", "new")), (-99, ("old", "new")), (None, ())]
)
def test_who_goes_when_memory_is_short(room: int | None, unload: tuple[str, ...]) -> None:
    assert relieve(room, ALL) == unload


@pytest.mark.parametrize(("room", "could"), [(0, 5), (3, 8), (-2, 3), (-9, 0), (None, None)])
def test_what_could_be_had_counts_idle_models(room: int | None, could: int | None) -> None:
    assert most(room, ALL) == could


sizes = st.integers(0, 50)
residents = st.lists(
    st.builds(Resident, st.uuids().map(str), sizes, st.floats(0, 9), busy=st.booleans(), main=st.booleans()),
    max_size=6,
)


@given(sizes, st.integers(-50, 50), residents)
def test_a_load_stays_within_the_room_and_nobody_goes_in_vain(need: int, room: int, loaded: list[Resident]) -> None:
    verdict = admit(need, room, loaded)
    going = _going(verdict.unload, loaded)
    if verdict.fits:
        assert need <= room + sum(model.bytes for model in going)
        assert not going or need > room + sum(model.bytes for model in going[:-1])
    else:
        assert going == []
        assert need > room + sum(model.bytes for model in loaded if not model.busy and not model.main)


@given(st.integers(-50, 50), residents)
def test_no_more_go_than_the_reserve_asks_for(room: int, loaded: list[Resident]) -> None:
    going = _going(relieve(room, loaded), loaded)
    assert not going or room + sum(model.bytes for model in going[:-1]) < 0


def _going(names: tuple[str, ...], loaded: list[Resident]) -> list[Resident]:
    """Those that are to go; whatever is decided, they are idle, not the main one, and those not used for longest."""
    going = [next(model for model in loaded if model.name == name) for name in names]
    assert not any(model.busy or model.main for model in going)
    assert [model.used_s for model in going] == sorted(model.used_s for model in going)
    staying = [m.used_s for m in loaded if m not in going and not m.busy and not m.main]
    assert not going or not staying or going[-1].used_s <= min(staying)
    return going
