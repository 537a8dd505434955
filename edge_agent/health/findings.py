"""What a doctor gathers, and what she finds in it."""

from dataclasses import dataclass
from enum import StrEnum

from edge_agent.box.box import Box
from edge_agent.engine.build import Build
from edge_agent.engine.fit import Fit
from edge_agent.engine.wishes import Wishes
from edge_agent.models.shape import ModelShape


class Severity(StrEnum):
    """A fault keeps the agent from working; a warning makes it worse than it could be; a note is good to know."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """`about`: one word. `what` was found, what it `means`, what to `do`; the last two are empty where all is well."""

    severity: Severity
    about: str
    what: str
    means: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a visit gathers. A `..._fault` says why the thing before it is None.

    Attributes:
        to_fetch: the model is one of the manifest and not here yet.
        gateway_fault: None: it answers, or none is set.
    """

    wishes: Wishes
    box: Box
    build: Build | None = None
    build_fault: str | None = None
    model: ModelShape | None = None
    model_fault: str | None = None
    to_fetch: bool = False
    fit: Fit | None = None
    fit_fault: str | None = None
    gateway: str | None = None
    gateway_fault: str | None = None
