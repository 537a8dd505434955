"""From what was seen to figures and bars."""

from edge_agent.bench.ask import Answer, Run, Step, Work
from edge_agent.bench.bars import Bar, Spread
from edge_agent.bench.peers.reference import Alone
from edge_agent.bench.sections.bound import decoded
from edge_agent.bench.sections.fidelity import compare, parting
from edge_agent.bench.sections.memory import Memory
from edge_agent.bench.sections.mixed import Mixed, Stream
from edge_agent.bench.sections.points import AS_PACKED, ENGINE, HIGH_LEVEL, PRIMED, SERVER, summary


def answer(tokens: int = 64, first_s: float = 1.0, last_s: float = 2.0, steps: tuple[Step, ...] = ()) -> Answer:
    return Answer(100, tokens, 10, first_s, last_s, last_s, steps)


def run(total_s: float, work: Work | None = None) -> Run:
    return Run((answer(last_s=total_s),), total_s, 50_000_000, work)


def step(token: bytes, gap: float = 2.0) -> Step:
    return Step(token, ((token, -0.1), (b"?", -0.1 - gap)))


def alone(*steps: Step, prompt_tokens: int = 100) -> Alone:
    return Alone(prompt_tokens, {b"a": -0.5, b"b": -1.5}, (0.02, 0.01), steps)


def test_a_bar_is_met_at_its_limit_and_missed_beyond() -> None:
    assert Bar("time", 0.31, 0.31).met
    assert not Bar("time", 0.32, 0.31).met
    assert Bar("rate", 1.5, 1.5, at_least=True).met
    assert not Bar("rate", 1.49, 1.5, at_least=True).met


def test_what_nobody_told_meets_no_bar_and_says_so() -> None:
    bar = Bar("share", None, 0.05)
    assert not bar.met
    assert "not told" in str(bar)


def test_a_spread_has_the_median_and_both_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_total_times_are_compared_round_by_round() -> None:
    # The machine was twice as slow in the second round: the ratio does not see it.
    seen = {
        ENGINE: {1: [run(1.0), run(2.0)], 8: [run(3.0), run(6.0)]},
        AS_PACKED: {1: [run(1.0), run(2.0)], 8: [run(4.0), run(8.0)]},
        SERVER: {1: [run(1.0), run(2.0)], 8: [run(10.0), run(20.0)]},
        PRIMED: {1: [run(1.0), run(2.0)], 8: [run(6.0), run(12.0)]},
        HIGH_LEVEL: {1: [run(1.0), run(2.0)], 8: [run(4.0), run(8.0)]},
    }
    result = summary(seen)
    assert result.ratios[SERVER][8] == Spread(0.3, 0.3, 0.3)
    assert result.as_packed[SERVER][8] == Spread(0.4, 0.4, 0.4)
    met = [bar.met for bar in result.bars]
    assert met == [True, False, True, True, False]  # the last: Python's share, which nobody told


def test_pythons_share_is_of_all_steps_with_all_points() -> None:
    one, other = Work(10, 1.0, 0.02), Work(30, 3.0, 0.06)
    seen = {ENGINE: {8: [run(1.0, one), run(1.0, other)]}}
    seen |= {name: {8: [run(1.0), run(1.0)]} for name in (AS_PACKED, SERVER, PRIMED, HIGH_LEVEL)}
    result = summary(seen)
    assert result.python_share == 0.02
    assert result.python_ms == 2.0


def test_mixed_arrivals_must_be_faster_and_no_later() -> None:
    ours, theirs = Stream(60.0, 10, 600, 0, 2.0, ()), Stream(30.0, 20, 600, 0, 1.9, ())
    assert [bar.met for bar in Mixed(5, 100.0, ours, ours, theirs).bars] == [True, False]


def test_memory_counts_what_is_neither_model_nor_cells() -> None:
    beyond, growth = Memory(300, 500.0, 100.0, 200.0, True, 20.0, ()).bars
    assert (beyond.figure, beyond.met) == (200.0, False)
    assert (growth.figure, growth.met) == (20.0, False)


def test_streams_in_turn_decode_no_faster_than_one() -> None:
    in_turn = Run((answer(11, 0.0, 1.0), answer(11, 1.0, 2.0)), 2.0, 0)
    together = Run((answer(11, 0.0, 1.0), answer(11, 0.0, 1.0)), 1.0, 0)
    assert decoded(in_turn) == 10.0
    assert decoded(together) == 20.0


def test_texts_part_at_their_first_difference() -> None:
    written = alone(step(b"x"), step(b"y", gap=0.1), step(b"z"))
    assert parting(answer(steps=(step(b"x"), step(b"y"), step(b"z"))), written) is None
    assert parting(answer(steps=(step(b"x"), step(b"!"), step(b"z"))), written) == written.steps[1].gap


def test_a_text_that_ends_early_parts_where_the_other_goes_on() -> None:
    written = alone(step(b"x"), step(b"y", gap=3.0))
    assert parting(answer(steps=(step(b"x"),)), written) == written.steps[1].gap


def test_fidelity_counts_differences_of_logprobs_texts_and_prompts() -> None:
    first = Step(b"a", ((b"a", -0.6), (b"b", -1.5)))
    other = Step(b"b", ((b"b", -1.0), (b"a", -1.0)))
    seen = compare(
        [answer(steps=(first,)), answer(steps=(other,))],
        [alone(first, prompt_tokens=100), alone(first, prompt_tokens=99)],
    )
    assert abs(seen.largest - 0.5) < 1e-9
    assert abs(seen.mean - (0.1 + 0.0 + 0.5 + 0.5) / 4) < 1e-9
    assert (seen.texts_differ, seen.not_at_ties, seen.other_prompts, seen.shared) == (1, 1, 1, 2)
