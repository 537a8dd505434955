"""Every way a request could be answered, each with its predicted times, its tokens and its price."""

from collections.abc import Iterable, Mapping, Sequence

from picegate.core.chat import Mode, ServiceLevel
from picegate.core.plan import CloudView, Forecast, Option, Pace
from picegate.core.value import value
from picegate.planning.kinds import Kind
from picegate.planning.levels import LEVELS, LevelModel, Split
from picegate.planning.losses import NO_LOSSES, Losses
from picegate.planning.placement import Leg
from picegate.planning.prices import UNLIMITED, Market
from picegate.planning.queue import LENGTH, TYPICAL_TOKENS
from picegate.planning.repairs import ONCE, Again
from picegate.planning.schedule import Reading, Schedule, schedule
from picegate.planning.survey import Survey

EDGE_INSTRUCTION_TOKENS = 220  # instruction, worked example and notes of a passage's prompt, by estimate
TRIED = "an edge is tried first, to see how fast it is"
_UNLIKELY = 0.25  # a sketch that delegates less often than this is not tried

# Quality at risk: the share of answers that a judge would like less than the cloud's (assumed; the judge of the testbed
# replaces it by measurement). Whole answers of a small model lose far more often than passages written from notes.
RISK: Mapping[int, float] = {1: 0.02, 2: 0.04, 3: 0.06}
RISK_EDGE_EASY, RISK_EDGE = 0.15, 0.35
EASY_TOKENS = 120  # an answer so short and not hard is taken for an easy one


@value
class Weights:
    """What a service level cares for.

    Attributes:
        prices: of the shadow prices; above 1, since a queue delays also those who come after the ones it has now.
        risk_s: seconds of waiting that a certain loss of quality is worth.
        stake_s: seconds of waiting that one weak passage is worth.
        cloud_token_s: seconds of waiting that a cloud token is worth, for the money it costs.
        doubt: standard errors by which an edge must beat the cloud.
    """

    prices: float
    risk_s: float
    stake_s: float
    cloud_token_s: float
    doubt: float


WEIGHTS: Mapping[ServiceLevel, Weights] = {
    ServiceLevel.LATENCY: Weights(prices=1.5, risk_s=12.0, stake_s=12.0, cloud_token_s=0.0, doubt=0.5),
    ServiceLevel.COST: Weights(prices=1.5, risk_s=4.0, stake_s=4.0, cloud_token_s=0.03, doubt=0.0),
    ServiceLevel.QUALITY: Weights(prices=1.5, risk_s=200.0, stake_s=600.0, cloud_token_s=0.0, doubt=1.0),
}


@value
class Scene:
    """What one decision looks at."""

    forecast: Forecast
    kind: Kind
    cloud: CloudView
    pace: Pace  # the cloud's
    fleet: Survey
    market: Market
    weights: Weights
    levels: LevelModel
    max_points: int
    warm: bool = True
    pipelined: bool = True
    again: Again = ONCE
    losses: Losses = NO_LOSSES
    trying: bool = False  # as in Experience

    @property
    def waits(self) -> bool:
        """Nobody knows how fast the edge is, and a request before this one is about to find out."""
        return self.trying and not self.fleet.proven

    def cost(self, finish_s: float, cloud_tokens: float, edge_tokens: float, risk: float, read_s: float = 0.0) -> float:
        """`read_s`: seconds that nodes spend on reading, all together. A cloud that writes anything reads, too."""
        w, m = self.weights, self.market
        cloud_read_s = self.pace.prefill_s * self.forecast.prompt_tokens if cloud_tokens else 0.0
        delays_s = m.cloud_price * cloud_tokens + m.edge_price * edge_tokens
        delays_s += m.cloud_read_price * cloud_read_s + m.edge_read_price * read_s
        return finish_s + w.prices * delays_s + w.risk_s * risk + w.cloud_token_s * cloud_tokens

    def begin_s(self, tokens: float, prompt_tokens: float) -> float:
        """Until the cloud writes the first token of a call that will write `tokens`: its queue, then prefill."""
        return cloud_wait_s(self.cloud, self.pace, tokens) + self.pace.begin_s(prompt_tokens)

    def placed(self, legs: Sequence[Leg], starts: Sequence[float], reading: Reading) -> Schedule:
        """On edges."""
        read_price = self.weights.prices * self.market.edge_read_price
        return schedule(self.fleet, legs, starts, self.market.edge_wait_s, reading, read_price)

    @property
    def token_s(self) -> float:
        """Of the cloud, with this request in its batch."""
        return self.pace.token_s(min(self.cloud.in_flight + 1, self.cloud.limit or UNLIMITED))


def cloud_wait_s(cloud: CloudView, pace: Pace, tokens: float) -> float:
    """Seconds until a call of so many tokens gets a place: short ones go first (`queue.py`), but not before old.

    Who finds nobody waiting waits for the first place to come free, as `queue.wait_s` has it.
    """
    limit = cloud.limit or UNLIMITED
    if cloud.in_flight < limit:
        return 0.0
    step_s = pace.token_s(limit)
    ahead = sum(other if other <= tokens else 0.3 * other for other in cloud.waiting)
    overtaken = LENGTH * tokens if cloud.waiting else 0.0
    return (TYPICAL_TOKENS + ahead + overtaken) * step_s / limit


def whole_in_cloud(scene: Scene) -> Option:
    tokens = scene.forecast.mean_tokens
    first_s = scene.begin_s(tokens, scene.forecast.prompt_tokens)
    finish_s = first_s + tokens * scene.token_s
    return Option(Mode.CLOUD, 0, 0, first_s, finish_s, tokens, 0.0, scene.cost(finish_s, tokens, 0.0, 0.0))


def whole_on_edge(scene: Scene, alone: Option) -> Option:
    """One node writes all of it. `alone`: the cloud's option, which it must beat."""
    tokens, fleet = scene.forecast.mean_tokens, scene.fleet
    placed = scene.placed([Leg(tokens, scene.forecast.prompt_tokens)], [0.0], Reading.LATE)
    finish_s = placed.done[0] + scene.losses.delay_s(1)
    pace = fleet.shortlist[0].pace if fleet.shortlist else None
    wait_s = 0.0 if fleet.shortlist else scene.market.edge_wait_s
    first_s = wait_s + (pace or fleet.pace).begin_s(scene.forecast.prompt_tokens)
    easy = scene.forecast.answer_tokens <= EASY_TOKENS
    out = ""
    if fleet.context_tokens is not None and scene.forecast.whole_tokens > fleet.context_tokens:
        out = "too long for an edge node's context"
    elif scene.forecast.hard >= 0.5:
        out = "too hard for a small model"
    elif scene.waits:
        out = TRIED
    elif finish_s * _margin(scene, fleet.pace) > alone.finish_s:
        out = "later than the cloud alone"
    return Option(
        Mode.EDGE,
        0,
        0,
        first_s,
        finish_s,
        0.0,
        tokens,
        scene.cost(finish_s, 0.0, tokens, RISK_EDGE_EASY if easy else RISK_EDGE, placed.read_s),
        out,
        nodes=placed.nodes,
        tries=placed.tries,
    )


def progressive_at(scene: Scene, level: int, alone: Option) -> Option:
    """Sketch and passages at one level. `alone`: the cloud's option, which it must beat.

    A sketch that delegates nothing is the cloud's whole answer, so the tokens and times are means over both outcomes;
    the promise not to be later than the cloud alone is about the outcome with points. Where calls wait for the cloud,
    they would wait longer if it were alone: it would also have to write what edges are writing now.
    """
    forecast = scene.forecast
    split = scene.levels.split(level, forecast, scene.max_points)
    first_s = scene.begin_s(split.cloud, forecast.prompt_tokens)
    placed = _delegated(scene, split, first_s)
    finish_s = placed.done[0] + scene.losses.delay_s(split.points, forecast.chained)
    share = forecast.delegable
    mean_s = share * finish_s + (1.0 - share) * max(alone.finish_s, 0.0)
    # Nobody who reads waits for a repair, so it is in the tokens and in the price, not in the times.
    again_cloud, again_edge = share * split.edge * scene.again.cloud, share * split.edge * scene.again.edge
    cloud_tokens = share * split.cloud + (1.0 - share) * alone.cloud_tokens + again_cloud
    edge_tokens = share * split.edge + again_edge
    out = ""
    if share < _UNLIKELY:
        out = "hardly anything to delegate"
    elif scene.waits:
        out = TRIED
    elif finish_s * _margin(scene, scene.fleet.pace) > alone.finish_s + scene.market.spared_s:
        out = "later than the cloud alone"
    cost = scene.cost(mean_s, cloud_tokens, edge_tokens, share * RISK[level], placed.read_s)
    return Option(
        Mode.PROGRESSIVE,
        level,
        split.points,
        first_s,
        finish_s,
        cloud_tokens,
        edge_tokens,
        cost,
        out,
        again_cloud,
        again_edge,
        placed.nodes,
        placed.tries,
    )


def progressive_options(scene: Scene, alone: Option, fixed_level: int = 0) -> Iterable[Option]:
    return [progressive_at(scene, level, alone) for level in ((fixed_level,) if fixed_level else LEVELS)]


def _delegated(scene: Scene, split: Split, first_s: float) -> Schedule:
    """Passages: independent ones side by side, a chain in turn. `done`: the end of them all, and of the sketch."""
    token_s, forecast = scene.token_s, scene.forecast
    opening_s = first_s + 0.6 * split.own * token_s
    sketch_s = first_s + split.cloud * token_s
    line_s = split.line * token_s
    reading = Reading.AHEAD if scene.warm else Reading.LATE
    starts = [opening_s + line_s * (number + 1) if scene.pipelined else sketch_s for number in range(split.points)]
    # Our own instructions are in every node's cache.
    beside = scene.placed([Leg(split.edge / split.points, forecast.prompt_tokens)] * split.points, starts, reading)
    end_s, nodes, read_s = max(*beside.done, sketch_s), beside.nodes, beside.read_s
    if forecast.chained:
        chain = scene.placed([Leg(split.edge, forecast.prompt_tokens)], starts[:1], reading)
        end_s += forecast.chained * (max(chain.done[0], sketch_s) - end_s)
        read_s += forecast.chained * (chain.read_s - read_s)
        nodes = chain.nodes if forecast.chained > 0.5 else nodes
    return Schedule((end_s,), nodes, read_s, beside.tries)


def _margin(scene: Scene, edge: Pace) -> float:
    """Above 1 where little is known of the edge: it must be sooner than the cloud even if slower than it seems."""
    return 1.0 + scene.weights.doubt * edge.doubt
