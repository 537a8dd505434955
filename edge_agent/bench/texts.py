"""What is asked: prompts of one shape, every round with a beginning of its own so that no cache helps from before."""

import random
from collections.abc import Sequence
from dataclasses import replace

from edge_agent.bench.ask import Ask

OPENERS = ("Amber", "Basil", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Heron", "Indigo", "Jasper", "Karst", "Lotus")

INSTRUCTION = (
    "You write one section of a long article for curious readers who know nothing of the matter yet. Write plain "
    "flowing prose of several paragraphs, at least three hundred words, without headings, lists or greetings. Explain "
    "every term where it first appears, give a number wherever a number helps, and go on to the next thought without "
    "repeating what was said before. The reader has the whole article in view, so do not introduce it again and do not "
    "sum it up. The article answers this question: {question} It opens so: {opening} "
    "The sections of the article are these, in this order. {sections} "
    "Keep to the facts of your own section and leave the others to their authors. Prefer short words to long ones, the "
    "active voice to the passive one, and an example to a definition. Where something is not known, say so and tell "
    "how one could find out. Write in the present tense. Never address the reader, never speak of yourself, and never "
    "mention these instructions. Begin at once with the first sentence and write on until the section is whole."
)

TOPICS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "How does a city keep its drinking water clean from the spring to the tap?",
        "Water that leaves a tap has travelled for weeks, and at every stage somebody has watched over it.",
        (
            "where the water comes from and how forests and soil filter it",
            "how settling tanks and sand beds take out what floats in it",
            "why a little chlorine or ultraviolet light is added at the end",
            "how pipes, pumps and towers keep the pressure day and night",
            "how laboratories test samples and which limits they apply",
            "what happens after a storm when the river turns brown",
            "how leaks are found with microphones before they grow",
            "what households can do to keep the last metres clean",
        ),
    ),
    (
        "Why do bridges stand for a hundred years, and what brings them down?",
        "A bridge is a slow argument with gravity, and most of them win it for longer than their builders hoped.",
        (
            "how arches carry their load in compression alone",
            "how cables hang in curves and pull at their towers",
            "why steel tires and where cracks begin to grow",
            "how frost and road salt work their way into concrete",
            "how engineers listen to a bridge with sensors",
            "what wind did to slender decks before tunnels were used",
            "how floods dig away the river bed under the piers",
            "when repair costs more than building the bridge anew",
        ),
    ),
    (
        "How do bees find flowers and tell each other where they are?",
        "A bee that comes home laden has a story to tell, and the dark hive is listening.",
        (
            "how the eyes of a bee see colours that people cannot see",
            "how scent guides the last metre of the flight",
            "what the waggle dance says about distance and direction",
            "how the sun serves as a compass even behind clouds",
            "why some scouts keep on searching while others follow",
            "how a colony decides that a meadow is no longer worth it",
            "what pesticides do to the memory of a bee on its way",
            "how farmers and gardeners can make the way shorter",
        ),
    ),
    (
        "What happens inside a bakery's oven between the dough and the loaf?",
        "The oven door closes on a soft pale ball, and half an hour later there is bread.",
        (
            "how gas in the dough swells during the first minutes",
            "why steam is let into the oven at the beginning",
            "at which heat the yeast dies and the starch sets",
            "how the crust turns brown and where its taste comes from",
            "why a loaf sounds hollow when it has been baked through",
            "how stone, steel and air bring the heat to the dough",
            "why bread goes stale and what toasting brings back",
            "how bakers plan the night so that all is warm at six",
        ),
    ),
)


def prefix(number: int, mark: str) -> str:
    """The shared text about topic `number`; `mark` comes first, so another mark shares no beginning with this one."""
    question, opening, sections = TOPICS[number % len(TOPICS)]
    listed = " ".join(f"Section {n}: {text}." for n, text in enumerate(sections, 1))
    return f"{mark}. " + INSTRUCTION.format(question=question, opening=opening, sections=listed)


def mark(draw: random.Random) -> str:
    """A beginning that nobody has seen in this run."""
    return f"{draw.choice(OPENERS)} {draw.randrange(10_000, 100_000)}"


def suffix(number: int, point: int) -> str:
    """What small models answer at length: told to write "section 4" they may stop after a sentence."""
    *_, sections = TOPICS[number % len(TOPICS)]
    return f"Explain at length and in many sentences {sections[point % len(sections)]}."


def points(count: int, tokens: int, mark: str, topic: int = 0) -> list[Ask]:
    """`count` points of one answer, all at once."""
    shared = prefix(topic, mark)
    return [Ask(shared, suffix(topic, point), tokens) for point in range(count)]


def arrivals(seed: int, count: int, mean_gap_s: float, prefixes: int, shortest: int, longest: int) -> list[Ask]:
    """A Poisson stream over `prefixes` topics; answers of `shortest` to `longest` tokens, short ones more often."""
    draw = random.Random(seed)  # noqa: S311 (a schedule, not a secret)
    shared = [prefix(topic, mark(draw)) for topic in range(prefixes)]
    asks: list[Ask] = []
    now = 0.0
    for _ in range(count):
        topic = draw.randrange(prefixes)
        length = round(shortest * (longest / shortest) ** draw.random())
        asks.append(Ask(shared[topic], suffix(topic, draw.randrange(8)), length, at_s=round(now, 4)))
        now += draw.expovariate(1 / mean_gap_s)
    return asks


SHORT = "You answer in one plain sentence that a child of ten understands, and you never ask anything back."
# Long enough that llama.cpp reads it with the kernels for many rows, and the rest with those for few.
CAREFUL = (
    f"{SHORT} You take the most common meaning of a word unless the question says otherwise. You give an example where "
    "one helps, and a number where a number helps. You leave out opinions, warnings and all that was not asked. If "
    "two answers are possible you give the one that most teachers would give, and do not mention the other. You write "
    "no lists, no headings and no quotation marks, and you end your sentence with a full stop."
)

THINGS = (
    "rain snow fog thunder a rainbow the moon the tide a volcano an earthquake a desert a glacier a river a lighthouse "
    "a compass a clock a mirror a candle a magnet a battery a bicycle a sailboat a kite a violin a drum a whistle "
    "a book a map a coin a key a door a window a roof a well a mill a barn a beehive a nest a feather a seed a root "
    "a leaf honey bread cheese salt soap glass paper silk wool"
)
QUESTIONS = (
    "What is {}?",
    "Why do people like {}?",
    "Where does one find {}?",
    "How would you draw {}?",
    "Explain {}.",
)


def things() -> list[str]:
    words = THINGS.split()
    named: list[str] = []
    for word in words:
        if named and named[-1] in ("a", "an", "the"):
            named[-1] += f" {word}"
        else:
            named.append(word)
    return named


def questions(count: int, tokens: int, top_logprobs: int | None, instruction: str = SHORT) -> list[Ask]:
    """Short questions under one instruction, all different as long as `count` is at most that of all pairs."""
    named = things()
    pairs = [form.format(thing) for form in QUESTIONS for thing in named]
    return [Ask(instruction, pairs[n % len(pairs)], tokens, top_logprobs=top_logprobs) for n in range(count)]


def spaced(asks: Sequence[Ask], mark: str) -> list[Ask]:
    """The same requests behind another beginning."""
    return [replace(ask, prefix=f"{mark}. {ask.prefix}") for ask in asks]
