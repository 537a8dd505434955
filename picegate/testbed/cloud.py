"""The cloud of tests and benches: a fake that writes sketches in the delegation grammar without any model."""

from picegate.core.usage import LegKind
from picegate.testbed.calls import Call
from picegate.testbed.script import Answer, Reply, Script, in_words
from picegate.testbed.upstream import ScriptedUpstream

OPENING = "Stress has many causes, but a few habits work for almost everyone."
POINTS = (
    "Walking for 30 minutes three times a week lowers cortisol",
    "Sleep of seven to nine hours with a fixed wake time restores the mind",
    "Friends help most in one long talk a week, in person where it can be",
)
CLOSING = "See a doctor if it lasts longer than a month."
SKETCH = "\n".join([OPENING, *(f">>40 {point}" for point in POINTS), CLOSING]) + "\n"
PLAIN = "The cloud answers this on its own, in one plain paragraph, from the first word to the last."


class ScriptedCloud(ScriptedUpstream):
    """A FAKE cloud: sketches on sketch legs, a passage on hedge legs, else a plain answer; or what the script says."""

    def __init__(
        self, script: Script | None = None, *, model: str = "cloud-model", api_key: str | None = None, port: int = 0
    ) -> None:
        super().__init__(model=model, script=script, api_key=api_key, port=port)

    def default(self, call: Call) -> Answer:
        match call.leg:
            case LegKind.SKETCH:
                return Reply(*in_words(SKETCH))
            case LegKind.HEDGE | LegKind.VERIFY:
                return Reply(*in_words("This passage was written by the cloud, [cloud], since no edge could."))
            case _:
                return Reply(*in_words(PLAIN))
