"""What every result must be read with: that it is emulated, and every assumption it rests on."""

from collections.abc import Iterable

from picegate.testbed.bench.bound import ASSUMPTIONS, bound_of
from picegate.testbed.bench.offer import WARM_UP
from picegate.testbed.bench.workload import Workload
from picegate.testbed.emulated.profile import Profile
from picegate.testbed.emulated.questions import DIRECT_WORDS, FEWEST_POINTS, LEVELS, MOST_POINTS, WORDS_PER_POINT
from picegate.testbed.emulated.site import Site
from picegate.testbed.emulated.tokens import TOKENS_PER_WORD

EMULATED = (
    "EMULATED: cloud and edges are emulations on real sockets, with the timing of a model of their engines and made-up "
    "text; gateway, protocol and clients are real."
)
VIRTUAL = (
    "Virtual clock: emulated time stands still while a process computes, so processor time of the gateway is not in "
    "these figures; it is told as ms per answer, emulation and load generator included."
)
COUNTED = (
    f"answers: those that the times are of, asked after the first {WARM_UP:.0%} of a trial; of fewer than 100 the 99th "
    "percentile is the worst. Time between tokens and pauses: a dash where most answers come in one piece, for which "
    "their reader waits until the first token"
)


def profile_notes(profile: Profile) -> list[str]:
    """One line for the figures, then one for the source of each."""
    engine, link = profile.engine, profile.link
    shared = "shares prefixes" if engine.shares_prefixes else "shares no prefixes"
    bandwidth = f"{link.mbit_s:g} Mbit/s" if link.mbit_s is not None else "no limit of bandwidth"
    return [
        f"{profile.name} ({profile.title}): step {engine.base_ms:g} + {engine.per_sequence_ms:g} b ms, "
        f"{engine.slots} slots, prefill {engine.prefill_tokens_per_s:g} tokens/s in pieces of {engine.prefill_chunk}, "
        f"{engine.kv_tokens} tokens of memory, {shared}; round trip {link.rtt_ms:g} ms, jitter {link.jitter_ms:g} ms, "
        f"{bandwidth}; price per million tokens {profile.price_input:g} in, {profile.price_output:g} out",
        *(f"{profile.name}: {figure}: {source}" for figure, source in profile.sources.items()),
    ]


def author_notes() -> list[str]:
    """How the emulated models write."""
    levels = ", ".join(f"level {n}: {v.opening} + {v.line} p + {v.closing}" for n, v in LEVELS.items())
    return [
        f"{TOKENS_PER_WORD} tokens a word; words of a sketch of p points: {levels}",
        f"p = words / {WORDS_PER_POINT}, rounded up, from {FEWEST_POINTS} to {MOST_POINTS}; one dependent point for "
        f"writing and roleplay; maths, code and answers under {DIRECT_WORDS} words are written directly",
        "an edge writes as many words as a point asks for",
    ]


def notes(workload: Workload, profiles: Iterable[Profile], *, virtual: bool = True) -> list[str]:
    """Everything, in the order in which it is printed."""
    return [
        EMULATED,
        *([VIRTUAL] if virtual else []),
        f"workload {workload.name}, {len(workload.questions)} questions: {'; '.join(workload.assumptions)}",
        COUNTED,
        *author_notes(),
        *(line for profile in profiles for line in profile_notes(profile)),
        *(f"bound: {assumption}" for assumption in ASSUMPTIONS),
    ]


def bound_note(site: Site, workload: Workload) -> str:
    """The most that there is to be had, in a line."""
    bound = bound_of(site, workload.questions)
    return (
        f"capacity bound with {site.edges} edges: {bound.per_s * 60:.1f} answers a minute, {bound.gain:.2f} times what "
        f"the cloud alone can do ({bound.cloud_only_per_s * 60:.1f})"
    )
