"""Which models stay in memory. A pure decision: sizes, room, use and time go in, names come out.

`room` is always what may still be taken, bytes: what the machine has available less the reserve, so it is negative
where memory is short. None: the machine does not say, and then nothing is refused and nothing is unloaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

RESERVE_BYTES = 512 * 2**20  # for everybody else on the box, and for what the estimates miss


@dataclass(frozen=True, slots=True)
class Resident:
    """A model in memory.

    Attributes:
        bytes: what unloading it gives back, estimated.
        used_s: when it was last used, on any clock that only goes forward.
        busy: somebody is being answered by it, or waits for it.
        main: it is never unloaded.
    """

    name: str
    bytes: int
    used_s: float
    busy: bool = False
    main: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a model may be loaded.

    Attributes:
        fits: it may, once `unload` has been carried out.
        unload: names, the first one first; empty where nothing need go, and where it would not help.
    """

    fits: bool
    unload: tuple[str, ...] = ()


def most(room: int | None, residents: Sequence[Resident]) -> int | None:
    """Bytes that could be had, all idle models gone; None: unknown."""
    return None if room is None else max(0, room + sum(model.bytes for model in _idle(residents)))


def admit(need: int, room: int | None, residents: Sequence[Resident]) -> Admission:
    """Can `need` bytes be had, and who has to go for it? Nobody goes in vain."""
    if room is None:
        return Admission(True)
    if need > room + sum(model.bytes for model in _idle(residents)):
        return Admission(False)
    return Admission(True, _least_recent(need - room, residents))


def relieve(room: int | None, residents: Sequence[Resident]) -> tuple[str, ...]:
    """Who has to go, the first one first, for the reserve to be whole again; everybody idle if that is not enough."""
    return () if room is None else _least_recent(-room, residents)


def _least_recent(missing: int, residents: Sequence[Resident]) -> tuple[str, ...]:
    """The idle ones that were not used for longest, until they come to `missing` bytes."""
    going = []
    for model in _idle(residents):
        if missing <= 0:
            break
        going.append(model.name)
        missing -= model.bytes
    return tuple(going)


def _idle(residents: Sequence[Resident]) -> list[Resident]:
    return sorted((m for m in residents if not m.busy and not m.main), key=lambda model: model.used_s)
