"""What agents have measured of themselves, as the registry keeps it."""

from edge_agent.protocol import DecodeSpeed, Heartbeat, Load, Measured, Register, Speed
from picegate.core.curve import DecodeRate, Rate, SpeedCurve
from picegate.core.ports import Observation
from tests.unit.nodes.house import TOKEN, Hand, enrol, registry, seen, static


def speed(one: float = 20.0) -> Speed:
    return Speed(
        prefill=Measured(tokens_per_s=260.0, age_s=1.0, source="self_test"),
        decode=(
            DecodeSpeed(sequences=1, tokens_per_s=one, age_s=2.0, source="self_test"),
            DecodeSpeed(sequences=2, tokens_per_s=35.0, source="work"),
        ),
    )


def test_a_curve_is_known_from_the_registration_and_grows_old() -> None:
    clock = Hand()
    fleet = registry(clock)
    card = Register(name="jetson", url="http://j/v1", model="m", slots=2, context_tokens=1, speed=speed())
    fleet.register(card, TOKEN)
    clock.now += 10
    assert seen(fleet, "jetson").curve == SpeedCurve(
        Rate(260.0, 11.0, "self_test"), (DecodeRate(20.0, 12.0, "self_test", 1), DecodeRate(35.0, 10.0, "work", 2))
    )


def test_a_heartbeat_brings_a_new_one_and_silence_keeps_the_old() -> None:
    fleet = registry(Hand(), static())
    node = enrol(fleet)
    assert seen(fleet, "jetson").curve is None
    for told in (speed(20.0), speed(22.0), None):
        fleet.heartbeat(node.node_id, node.token, Heartbeat(speed=told))
    curve = seen(fleet, "jetson").curve
    assert curve is not None
    assert curve.one == 22.0
    assert seen(fleet, "box").curve is None


def test_an_agent_that_comes_back_without_a_curve_has_none() -> None:
    fleet = registry(Hand())
    node = enrol(fleet)
    fleet.heartbeat(node.node_id, node.token, Heartbeat(speed=speed()))
    enrol(fleet)
    assert seen(fleet, "jetson").curve is None


def test_the_self_test_is_a_nodes_speed_until_work_has_shown_it() -> None:
    fleet = registry(Hand())
    node = enrol(fleet)
    fleet.heartbeat(node.node_id, node.token, Heartbeat(speed=Speed(prefill=speed().prefill)))
    assert seen(fleet, "jetson").tokens_per_s is None
    fleet.heartbeat(node.node_id, node.token, Heartbeat(speed=speed()))
    assert seen(fleet, "jetson").tokens_per_s == 20.0
    fleet.heartbeat(node.node_id, node.token, Heartbeat(load=Load(tokens_per_s=18.0), speed=speed()))
    assert seen(fleet, "jetson").tokens_per_s == 18.0
    fleet.observe(node.node_id, Observation(True, tokens=11, decode_s=1.0))
    assert seen(fleet, "jetson").tokens_per_s == 10.0
