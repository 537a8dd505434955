"""An answer of two points about stress, and passages for the second: sound, wrong and beside the point."""

from typing import Any

from tests.sockets.pipeline.asking import Heard

SKETCH = (
    "Opening.\n"
    ">>24 Walking: 30 minutes three times a week lowers cortisol\n"
    ">>24 Sleep: 7-9 hours, fixed wake time, no screens in bed\n"
    "Closing."
)
WALK = "Walking for 30 minutes three times a week lowers cortisol, and a calm pace is quite enough for that."
SLEEP = "Sleep for 7 to 9 hours, keep a fixed wake time even on Sundays, and leave all screens out of your bed."
OF_THE_CLOUD = "Plan 7 to 9 hours of sleep, hold on to one fixed wake time, and allow no screens in your bed at night."
WRONG = "Sleep for 3 to 4 hours, keep a fixed wake time even on Sundays, and leave all screens out of your bed."
WORSE = "Cats purr and dogs bark, as everybody in the village had known for"


def legs_of(heard: Heard, point: int) -> list[dict[str, Any]]:
    return [leg for leg in heard.pice["legs"] if leg["point"] == point]
