"""What the tests of the registry share: a clock that is set by hand, and a fleet."""

from edge_agent.protocol import Load, Register, Registered
from picegate.core.plan import NodeView
from picegate.nodes.lifecycle import Registry
from picegate.settings import FleetSettings, StaticNodeSettings

TOKEN = "enrol-me"


class Hand:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def static(name: str = "box", *, slots: int = 1, context_tokens: int | None = None) -> StaticNodeSettings:
    return StaticNodeSettings(
        name=name, url=f"http://{name}:8080/v1/", model="m", slots=slots, context_tokens=context_tokens
    )


def registry(clock: Hand, *nodes: StaticNodeSettings, token: str | None = TOKEN) -> Registry:
    settings = FleetSettings.model_validate({"enrolment_token": token, "failures_to_open": 2, "lease_s": 15})
    return Registry(settings, nodes, clock=clock)


def enrol(fleet: Registry, name: str = "jetson", *, slots: int = 2, load: Load | None = None) -> Registered:
    return fleet.register(
        Register(
            name=name,
            url=f"http://{name}:9000/v1",
            api_key="sesame",
            model="small",
            slots=slots,
            context_tokens=4096,
            load=load or Load(),
        ),
        TOKEN,
    )


def seen(fleet: Registry, name: str) -> NodeView:
    return next(node for node in fleet.view() if node.name == name)
