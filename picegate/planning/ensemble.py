"""How many candidates are written for one point, and why: more than one only where that costs the reader nothing.

A further candidate is begun beside the first one, on a slot that nobody else wants, for a passage that is not being
read yet, if it is expected to be whole before the answer's last passage is, and not to make that one late: sequences
in one batch slow each other. What it is worth is the chance that the candidates so far are weak and this one is not:
with `p` the share of a model's passages that are sound, `n` candidates hold a sound one with probability
`1 - (1 - p1) ... (1 - pn)` (best of n; Stiennon et al., 2020).
"""

from collections.abc import Sequence
from typing import Literal

from picegate.core.plan import NodeView
from picegate.core.value import value
from picegate.planning.placement import Leg, delay_s, node_s

When = Literal["never", "slack", "always"]

IDLE_SHARE = 0.15  # of the fleet's slots that must be free: below, they are somebody's soon
LEAST_GAIN = 0.03  # probability of a better passage that is worth the work
LATE = 1.1  # times the expected end of the answer: a forecast is no promise, and what comes late is stopped


@value
class Second:
    """A node that could write a further candidate.

    Attributes:
        sound: share of its model's passages that need no repair.
        rest_s: until it is done with what it writes of this answer already; 0 where it writes nothing of it.
    """

    node: NodeView
    sound: float
    rest_s: float = 0.0


@value
class Moment:
    """What the decision about one point looks at. Times in seconds from now.

    Attributes:
        most: candidates that are allowed, two at least, the first one among them.
        depends: the passage goes on from what stands before it.
        is_read: its text goes to the reader as it is written.
        end_s: until the last passage of the answer is expected to be whole.
        leg: what a candidate has to write.
        sound: share of passages of the first candidate's model that need no repair.
        slots, free: of the fleet, the first candidate's slot not among the free ones.
        seconds: who could write a further candidate now, the best first.
        price_s: delay of others per token of an edge; `worth_s`: what a sound passage in place of a weak one is worth.
    """

    when: When
    most: int
    depends: bool
    is_read: bool
    end_s: float
    leg: Leg
    sound: float
    slots: int
    free: int
    seconds: Sequence[Second]
    price_s: float
    worth_s: float


@value
class Opinions:
    """Who writes further candidates, in this order, and why as many."""

    asked: Sequence[NodeView]
    why: str

    @property
    def count(self) -> int:
        """Candidates in all."""
        return 1 + len(self.asked)


def opinions(moment: Moment) -> Opinions:
    """How many candidates a point gets, and from whom."""
    if moment.when == "always":
        return Opinions([second.node for second in moment.seconds[: moment.most - 1]], "always")
    if moment.depends:
        return Opinions((), "goes on from the text before it")
    if moment.is_read:
        return Opinions((), "read as it is written")
    spare = moment.free - IDLE_SHARE * moment.slots
    if spare <= 0:
        return Opinions((), f"busy: {moment.free} of {moment.slots} slots are free")
    weak, gains, late = 1.0 - moment.sound, 0.0, 0
    asked: list[NodeView] = []
    for second in moment.seconds:
        if len(asked) + 1 == moment.most or len(asked) >= spare:
            break
        node, gain = second.node, weak * second.sound
        latest_s = LATE * moment.end_s
        if node_s(node, moment.leg) > latest_s or second.rest_s + delay_s(node, moment.leg, second.rest_s) > latest_s:
            late += 1
        elif gain >= LEAST_GAIN and gain * moment.worth_s >= moment.price_s * moment.leg.tokens:
            asked.append(node)
            weak, gains = weak * (1.0 - second.sound), gains + gain
    if asked:
        return Opinions(asked, f"{gains:.0%} more likely to be sound")
    if not moment.seconds:
        return Opinions((), "no other node")
    if late == len(moment.seconds):
        return Opinions((), f"late: the answer is expected to end in {moment.end_s:.1f} s")
    return Opinions((), f"not worth it: sound in {moment.sound:.0%} of cases")
