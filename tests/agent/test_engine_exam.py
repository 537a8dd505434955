"""One exam for every engine: what the agent relies on, whoever decodes."""

import json
import random
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from edge_agent.engine import trial
from edge_agent.engine.choose import EngineChoice, choose
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Engine, Job, Piece
from edge_agent.errors import BadRequest, ContextTooLong

CONTEXT = 512
LETTER_A = 81  # its token in the embedded model
END_OF_TURN = 2  # likewise; the fake knows no tokens, and ends by itself
SKETCH_GRAMMAR = r"""
root    ::= opening point point point point? point? closing
opening ::= [A-Z] [a-z ]{4,24} ".\n"
point   ::= ">>" [1-9] "0 " [A-Z] [a-z ]{4,24} "\n"
closing ::= [A-Z] [a-z ]{4,24} "."
"""
SKETCH = re.compile(r"[A-Z][a-z ]{4,24}\.\n(>>[1-9]0 [A-Z][a-z ]{4,24}\n){3,5}[A-Z][a-z ]{4,24}\.")

real = pytest.mark.model
adapters = ["fake", pytest.param("llama", marks=real), pytest.param("prebuilt", marks=real)]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=adapters)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    choice: EngineChoice = request.param
    if choice == "fake":
        yield FakeEngine(context_tokens=CONTEXT, token_s=0.002, prefill_s=0.005)
        return
    model: Path = request.getfixturevalue("embedded_model")
    built = choose(choice, EngineOptions(model=model, name="small", context_tokens=CONTEXT, slots=2, threads=1))
    await built.load()
    yield built
    await built.close()


@pytest.fixture
def real_engine(engine: Engine) -> Engine:
    if isinstance(engine, FakeEngine):
        pytest.skip("the fake knows no grammars and no token ids, and says so")
    return engine


def ask(question: str, **wishes: Any) -> Job:
    return Job(messages=({"role": "user", "content": question},), **wishes)


async def answer(engine: Engine, job: Job) -> tuple[str, list[Piece]]:
    async with engine.generate(job) as pieces:
        seen = [piece async for piece in pieces]
    return "".join(piece.text for piece in seen), seen


async def test_an_answer_has_one_finish_and_its_counts_come_with_it(engine: Engine) -> None:
    _, pieces = await answer(engine, ask("Describe the sea.", max_tokens=5, temperature=0))
    *before, last = pieces
    assert all(piece.finish_reason is None and piece.counts is None for piece in before)
    assert last.finish_reason == "length"
    assert last.counts is not None
    assert last.counts.completion == 5
    assert 0 <= last.counts.cached < last.counts.prompt


async def test_the_mean_logprob_of_an_answer_is_told_when_it_is_asked_for(engine: Engine) -> None:
    _, pieces = await answer(engine, ask("Describe the sea.", max_tokens=5, temperature=0, mean_logprob=True))
    counts = pieces[-1].counts
    assert counts is not None
    assert counts.mean_logprob is not None
    assert -20 < counts.mean_logprob < 0
    assert not any(piece.logprobs for piece in pieces)


async def test_the_same_seed_gives_the_same_text_and_another_seed_another(engine: Engine) -> None:
    texts = [
        (await answer(engine, ask("Tell a story.", max_tokens=12, seed=seed, temperature=1.5)))[0] for seed in (7, 7, 8)
    ]
    assert texts[0] == texts[1]
    assert texts[1] != texts[2]


async def test_the_text_ends_before_a_stop_string_and_shows_no_part_of_it(engine: Engine) -> None:
    question = "Describe the sea in one sentence."
    full, _ = await answer(engine, ask(question, max_tokens=12, temperature=0))
    stop = full[9:14]
    text, pieces = await answer(engine, ask(question, max_tokens=12, temperature=0, stop=("never said", stop)))
    assert text == full[: full.index(stop)]
    assert pieces[-1].finish_reason == "stop"


async def test_an_answer_that_must_not_end_goes_on_to_its_limit(engine: Engine) -> None:
    wishes: dict[str, Any] = {"max_tokens": 80, "logit_bias": {END_OF_TURN: 100.0}, "seed": 1}
    _, short = await answer(engine, ask("Describe the sea.", **wishes))
    _, long = await answer(engine, ask("Describe the sea.", **wishes, ignore_eos=True))
    for pieces, reason in ((short, "stop"), (long, "length")):
        assert pieces[-1].finish_reason == reason
    assert short[-1].counts is not None
    assert long[-1].counts is not None
    assert short[-1].counts.completion < long[-1].counts.completion == 80


async def test_a_begun_answer_is_continued_and_not_repeated(engine: Engine) -> None:
    question = {"role": "user", "content": "What is the capital of France?"}
    full, _ = await answer(engine, Job(messages=(question,), max_tokens=8, temperature=0))
    begun, _ = await answer(engine, Job(messages=(question,), max_tokens=4, temperature=0))
    said = {"role": "assistant", "content": begun}
    rest, _ = await answer(engine, Job((question, said), max_tokens=4, temperature=0, continue_final=True))
    assert begun + rest == full


async def test_only_the_assistants_text_is_continued(engine: Engine) -> None:
    with pytest.raises(BadRequest, match="assistant"):
        await answer(engine, ask("Hello", continue_final=True))


async def test_leaving_in_the_middle_frees_the_slot_at_once(engine: Engine) -> None:
    async with engine.generate(ask("Tell a very long story.", max_tokens=480)) as pieces:
        await anext(aiter(pieces))
    with anyio.fail_after(8):  # the story would take some ten seconds
        await answer(engine, ask("Name a colour.", max_tokens=1))


async def test_leaving_while_the_prompt_is_read_stops_the_reading(engine: Engine) -> None:
    long = ask("Sum this up: " + "it rains in the hills and " * 70, max_tokens=1)
    with anyio.move_on_after(0.001 if isinstance(engine, FakeEngine) else 0.2) as patience:
        await answer(engine, long)
    assert patience.cancelled_caught
    _, pieces = await answer(engine, long)
    counts = pieces[-1].counts
    assert counts is not None
    assert counts.cached < counts.prompt - 100


async def test_a_prompt_beyond_the_context_names_the_limit_and_its_own_length(engine: Engine) -> None:
    with pytest.raises(ContextTooLong) as refused:
        await answer(engine, ask("long " * 2 * CONTEXT))
    assert refused.value.limit == CONTEXT
    assert refused.value.prompt_tokens > 2 * CONTEXT
    assert str(CONTEXT) in refused.value.message


async def test_an_answer_ends_where_the_context_does(engine: Engine) -> None:
    words = 300
    _, pieces = await answer(engine, ask("more " * words, max_tokens=1))
    assert pieces[-1].counts is not None
    words += CONTEXT - 4 - pieces[-1].counts.prompt
    _, pieces = await answer(engine, ask("more " * words, max_tokens=50, logit_bias={LETTER_A: 100.0}))
    assert pieces[-1].finish_reason == "length"
    assert pieces[-1].counts is not None
    assert pieces[-1].counts.prompt == CONTEXT - 4
    assert 1 <= pieces[-1].counts.completion <= 5


async def test_what_was_warmed_is_not_read_again(engine: Engine) -> None:
    question = "Which habits help people who cannot sleep, and which do not? Think of evenings, light and food."
    cut_short = question[: question.index(" Think")]
    first = await engine.warm([{"role": "user", "content": cut_short}])
    again = await engine.warm([{"role": "user", "content": cut_short}])
    assert again.tokens == first.tokens
    assert again.cached >= first.tokens - 1
    _, pieces = await answer(engine, ask(question, max_tokens=1))
    assert pieces[-1].counts is not None
    assert pieces[-1].counts.cached >= first.tokens - 2


async def test_logprobs_come_for_every_token_shown(engine: Engine) -> None:
    text, pieces = await answer(engine, ask("Name a colour.", max_tokens=5, temperature=0, top_logprobs=2, seed=1))
    entries = [entry for piece in pieces for entry in piece.logprobs]
    assert "".join(entry.token for entry in entries) == text
    for entry in entries:
        assert bytes(entry.bytes).decode() == entry.token
        assert entry.logprob <= 0
        assert 1 <= len(entry.top) <= 2
        assert entry.top[0].token == entry.token  # greedy


async def test_no_logprobs_come_unasked(engine: Engine) -> None:
    _, pieces = await answer(engine, ask("Name a colour.", max_tokens=3))
    assert not any(piece.logprobs for piece in pieces)


async def test_more_jobs_than_slots_all_get_their_turn(engine: Engine) -> None:
    finished: list[str] = []

    async def one(question: str) -> None:
        await answer(engine, ask(question, max_tokens=3))
        finished.append(question)

    questions = ["Name a colour.", "Name a river.", "Name a fruit."]
    async with anyio.create_task_group() as jobs:
        for question in questions:
            jobs.start_soon(one, question)
    assert sorted(finished) == sorted(questions)


async def test_what_was_closed_can_be_loaded_again(engine: Engine) -> None:
    await engine.close()
    await engine.load()
    _, pieces = await answer(engine, ask("Name a colour.", max_tokens=2))
    assert pieces[-1].finish_reason is not None


async def test_its_speed_can_be_measured(engine: Engine) -> None:
    slots = engine.info.slots
    await trial.warm_up(engine)
    assert (await trial.prefill(engine, random.Random(), time.monotonic) or 0) > 0
    assert (await trial.decode(engine, slots, time.monotonic) or 0) > 0


async def test_a_grammar_shapes_a_delegation_sketch(real_engine: Engine) -> None:
    text, _ = await answer(real_engine, ask("How to sleep better?", grammar=SKETCH_GRAMMAR, seed=1, max_tokens=200))
    assert SKETCH.fullmatch(text)


async def test_a_schema_shapes_json(real_engine: Engine) -> None:
    schema = {"type": "object", "properties": {"wet": {"type": "boolean"}}, "required": ["wet"]}
    text, _ = await answer(
        real_engine,
        ask("Is water wet?", json_schema={**schema, "additionalProperties": False}, max_tokens=40, temperature=0),
    )
    assert isinstance(json.loads(text)["wet"], bool)


async def test_a_character_of_several_tokens_is_never_cut(real_engine: Engine) -> None:
    wanted = "日本語🦊です"
    text, pieces = await answer(real_engine, ask("Hello", grammar=f'root ::= "{wanted}"', max_tokens=60))
    assert text == wanted
    assert not any("\ufffd" in piece.text for piece in pieces)


async def test_a_grammar_that_does_not_parse_is_a_bad_request_and_harms_nobody(real_engine: Engine) -> None:
    with pytest.raises(BadRequest) as refused:
        await answer(real_engine, ask("Hello", grammar="root ::= ((("))
    assert refused.value.param == "grammar"
    await answer(real_engine, ask("Hello", max_tokens=1))


async def test_a_bias_makes_a_token_win(real_engine: Engine) -> None:
    text, _ = await answer(real_engine, ask("Hello", logit_bias={LETTER_A: 100.0}, max_tokens=3, temperature=0))
    assert text == "aaa"
