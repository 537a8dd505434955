"""What is measured of a trial. All times are emulated seconds."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from picegate.testbed.bench.reader import Heard
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.quality import marks
from picegate.testbed.emulated.server import Stats

OBJECTIVE_S = 30.0  # a whole answer within this time is a good one
STALL_S = 1.0
PER_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Figures:
    """Attributes:
    answers: whole answers that count; `failed` those that are none, and `errors` why.
    achieved_per_minute: answers ended between warming-up and last arrival: what the system does, not what is asked.
    latency_*: from the moment a question was due to the end of its answer, seconds; failed ones count as infinite.
    in_time_share: of the answers, those that were whole within `OBJECTIVE_S`.
    first_*: to the first text.
    at_once_share: of the answers, those whose text comes all at once: whoever reads them waits before it, not within.
    token_gap_p50: mean time between the tokens of one answer, median over answers. This one, the stalls and
        `longest_gap_p95` are of the answers that come bit by bit, and NaN where most come at once.
    stalls_per_answer: pauses over 1 s in the text that a reader gets, after its first piece; `stalled_share` of the
        answers have one.
    cloud_tokens, edge_tokens: written, per answer, wasted ones included.
    cost: per answer, at the profiles' prices.
    edge_busy: share of the time in which an edge computes; `edge_slots`: share of its slots that write. Means.
    quality: mean over the passages of all answers, by the quality model; NaN where there is none.
    longest_gap_p95: the longest pause in an answer's text, 95th percentile over answers.
    cpu_ms_per_answer: of this process, load generator and emulation included.
    late_share: share of engine steps that ended more than 20 ms late; `worst_lag_s` the worst.
    """

    answers: int
    failed: int
    achieved_per_minute: float
    latency_p50: float
    latency_p95: float
    latency_p99: float
    in_time_share: float
    first_p50: float
    first_p95: float
    at_once_share: float
    token_gap_p50: float
    stalls_per_answer: float
    stalled_share: float
    words_per_answer: float
    cloud_tokens: float
    edge_tokens: float
    cost: float
    edge_busy: float
    edge_slots: float
    cloud_busy: float
    cloud_slots: float
    cached_share: float
    cpu_ms_per_answer: float
    late_share: float
    worst_lag_s: float
    quality: float = math.nan
    longest_gap_p95: float = math.nan
    modes: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def figures_of(
    heard: Sequence[Heard],
    warm_up_s: float,
    stats: Sequence[Stats],
    cloud: Profile,
    edge: Profile,
    cpu_s: float,
) -> Figures:
    """`heard` in order of arrival; `stats`: the cloud's, then the edges'. Tokens are of all answers, so they are shared
    out over all; times are of those that were due after the warming-up."""
    opens, closes = heard[0].due + warm_up_s, heard[-1].due
    counted = [one for one in heard if one.due >= opens] or list(heard)
    whole = [one for one in counted if one.whole and one.moments]
    latencies = [one.latency_s if one.whole else math.inf for one in counted]
    firsts = [one.first_s if one.moments else math.inf for one in counted]
    done = sum(one.ended is not None and opens <= one.ended <= closes for one in heard if one.whole)
    span = max(max(one.ended or one.due for one in heard) - heard[0].due, 1e-9)
    written = [one for one in whole if not one.at_once]
    at_once_share = 1 - len(written) / len(whole) if whole else 0.0
    if at_once_share > 0.5:
        written = []
    stalls = [sum(gap > STALL_S for gap in one.gaps) for one in written]
    gaps = [(one.moments[-1] - one.moments[0]) / max(1.0, one.tokens - 1) for one in written]
    of_cloud, of_edges = stats[0], stats[1:]
    total = len(heard)
    cloud_written, edge_written = of_cloud.work["written"], sum(one.work["written"] for one in of_edges)
    prompts = sum(legs["prompt"] for legs in of_cloud.legs.values())
    edge_prompts = sum(one.work["read"] + one.work["cached"] for one in of_edges)
    spent = prompts * cloud.price_input + cloud_written * cloud.price_output
    spent += edge_prompts * edge.price_input + edge_written * edge.price_output
    steps = sum(one.lag["steps"] for one in stats) or 1
    read = sum(one.work["read"] + one.work["cached"] for one in stats) or 1
    return Figures(
        answers=len(whole),
        failed=len(counted) - len(whole),
        achieved_per_minute=done / max(closes - opens, 1e-9) * 60.0,
        latency_p50=percentile(latencies, 0.5),
        latency_p95=percentile(latencies, 0.95),
        latency_p99=percentile(latencies, 0.99),
        in_time_share=sum(latency <= OBJECTIVE_S for latency in latencies) / max(1, len(latencies)),
        first_p50=percentile(firsts, 0.5),
        first_p95=percentile(firsts, 0.95),
        at_once_share=at_once_share,
        token_gap_p50=percentile(gaps, 0.5),
        stalls_per_answer=_mean(stalls, math.nan),
        stalled_share=_mean([count > 0 for count in stalls], math.nan),
        words_per_answer=sum(one.words for one in whole) / max(1, len(whole)),
        cloud_tokens=cloud_written / total,
        edge_tokens=edge_written / total,
        cost=spent / PER_MILLION / total,
        edge_busy=_mean([one.work["busy_s"] / span for one in of_edges]),
        edge_slots=_mean([one.work["slot_s"] / span / one.slots for one in of_edges]),
        cloud_busy=of_cloud.work["busy_s"] / span,
        cloud_slots=of_cloud.work["slot_s"] / span / of_cloud.slots,
        cached_share=sum(one.work["cached"] for one in stats) / read,
        cpu_ms_per_answer=cpu_s * 1000.0 / total,
        late_share=sum(one.lag["late"] for one in stats) / steps,
        worst_lag_s=max(one.lag["worst_s"] for one in stats),
        quality=_mean([found for one in whole for found in marks(one.text)], math.nan),
        longest_gap_p95=percentile([max(one.gaps) for one in written], 0.95),
        modes=dict(Counter(one.mode for one in whole)),
        errors=dict(Counter(one.error for one in counted if one.error)),
    )


def _mean(values: Sequence[float], otherwise: float = 0.0) -> float:
    return sum(values) / len(values) if values else otherwise
