"""How agents come, stay and go."""

from typing import Any

import pytest

from edge_agent.protocol import Heartbeat, Load, ModelCard, Register
from picegate.core.errors import BadRequest, ConfigError, Forbidden, NotFound, Unauthorized
from picegate.core.plan import NodeKind, NodeModel, NodeState
from picegate.core.ports import Observation, Wish
from picegate.nodes.lifecycle import Registry
from picegate.settings import FleetSettings, StaticNodeSettings
from tests.unit.nodes.house import TOKEN, Hand, enrol, registry, seen, static


def test_an_agent_that_registers_is_ready_with_all_its_slots() -> None:
    fleet = registry(Hand())
    registered = enrol(fleet, slots=4)
    node = seen(fleet, "jetson")
    assert (node.id, node.state, node.kind) == (registered.node_id, NodeState.READY, NodeKind.AGENT)
    assert (node.slots, node.free, node.context_tokens, node.api_key) == (4, 4, 4096, "sesame")
    assert (registered.lease_s, registered.heartbeat_s) == (15, 5)


def test_the_models_that_an_agent_tells_of_are_kept() -> None:
    fleet = registry(Hand())
    cards = (ModelCard(name="small", slots=2, context_tokens=4096), ModelCard(name="b", slots=1, context_tokens=512))
    card = Register(name="two", url="http://x/v1", model="small", slots=2, context_tokens=4096, models=cards)
    fleet.register(card, TOKEN)
    assert seen(fleet, "two").models == (NodeModel("small", 2, 4096), NodeModel("b", 1, 512))


def test_an_agent_that_tells_only_of_its_main_model_is_taken_as_well() -> None:
    fleet = registry(Hand())
    enrol(fleet)
    assert (seen(fleet, "jetson").model, seen(fleet, "jetson").models) == ("small", ())


def test_static_nodes_are_there_from_the_start() -> None:
    node = seen(registry(Hand(), static("ollama", slots=3)), "ollama")
    assert (node.kind, node.state, node.free, node.url) == (
        NodeKind.STATIC,
        NodeState.READY,
        3,
        "http://ollama:8080/v1",
    )


def test_a_wrong_enrolment_token_is_unauthorized() -> None:
    fleet = registry(Hand())
    for wrong in ("", "enrol", "Enrol-me", "トークン"):
        with pytest.raises(Unauthorized):
            fleet.register(Register(name="x", url="http://x/v1", model="m", slots=1, context_tokens=1), wrong)
    assert fleet.view() == ()


def test_without_an_enrolment_token_no_agent_may_register() -> None:
    with pytest.raises(Forbidden, match=r"fleet\.enrolment_token"):
        enrol(registry(Hand(), token=None))


@pytest.mark.parametrize("url", ["ftp://x/v1", "x:8080", "http://", "http://x:port/v1", "http://[x/v1", ""])
def test_an_address_that_is_not_http_is_a_bad_request(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        registry(Hand()).register(Register(name="x", url=url, model="m", slots=1, context_tokens=1), TOKEN)
    assert caught.value.param == "url"


def test_the_name_of_a_static_node_is_taken() -> None:
    with pytest.raises(BadRequest) as caught:
        enrol(registry(Hand(), static("jetson")), "jetson")
    assert caught.value.param == "name"


def test_an_agent_that_registers_again_replaces_itself_and_its_old_token_dies() -> None:
    fleet = registry(Hand())
    old = enrol(fleet)
    new = enrol(fleet, slots=8)
    assert [node.slots for node in fleet.view()] == [8]
    assert old.token != new.token
    with pytest.raises(NotFound):
        fleet.heartbeat(old.node_id, old.token, Heartbeat())
    with pytest.raises(Unauthorized):
        fleet.heartbeat(new.node_id, old.token, Heartbeat())
    fleet.heartbeat(new.node_id, new.token, Heartbeat())


def test_a_lease_that_is_not_renewed_ends() -> None:
    clock = Hand()
    fleet = registry(clock)
    node = enrol(fleet)
    clock.now += 14.9
    assert seen(fleet, "jetson").state is NodeState.READY
    clock.now += 0.1
    assert seen(fleet, "jetson").state is NodeState.LOST
    fleet.heartbeat(node.node_id, node.token, Heartbeat())
    assert seen(fleet, "jetson").state is NodeState.READY


def test_an_agent_lost_for_ten_minutes_is_forgotten() -> None:
    clock = Hand()
    fleet = registry(clock, static())
    node = enrol(fleet)
    clock.now += 15 + 600
    assert [known.name for known in fleet.view()] == ["box"]
    with pytest.raises(NotFound):
        fleet.heartbeat(node.node_id, node.token, Heartbeat())


def test_a_draining_agent_stays_draining_while_it_beats() -> None:
    fleet = registry(Hand())
    node = enrol(fleet)
    fleet.drain(node.node_id, node.token)
    fleet.heartbeat(node.node_id, node.token, Heartbeat())
    assert seen(fleet, "jetson").state is NodeState.DRAINING
    assert not seen(fleet, "jetson").usable


def test_an_agent_that_says_goodbye_is_gone() -> None:
    fleet = registry(Hand())
    node = enrol(fleet)
    fleet.remove(node.node_id, node.token)
    assert fleet.view() == ()
    with pytest.raises(NotFound):
        fleet.remove(node.node_id, node.token)


def test_a_node_cannot_be_moved_with_the_token_of_another() -> None:
    fleet = registry(Hand(), static())
    one, other = enrol(fleet, "one"), enrol(fleet, "other")
    for act in (fleet.drain, fleet.remove):
        with pytest.raises(Unauthorized):
            act(one.node_id, other.token)
        with pytest.raises(NotFound):
            act("static-box", one.token)
        with pytest.raises(NotFound):
            act("nobody", one.token)


def test_tokens_are_not_kept_in_the_clear() -> None:
    fleet = registry(Hand())
    token = enrol(fleet).token
    held = repr([vars(fleet), vars(fleet._store)])
    assert token not in held
    assert TOKEN not in held
    assert "sesame" not in held


def test_slots_busy_with_others_are_not_free() -> None:
    fleet = registry(Hand())
    node = enrol(fleet, slots=4, load=Load(slots_busy=1))
    assert seen(fleet, "jetson").free == 3
    fleet.heartbeat(node.node_id, node.token, Heartbeat(load=Load(slots_busy=9, tokens_per_s=21.0)))
    assert seen(fleet, "jetson").free == 0
    assert seen(fleet, "jetson").tokens_per_s == 21.0


async def test_our_own_slots_are_not_counted_twice() -> None:
    fleet = registry(Hand())
    node = enrol(fleet, slots=4)
    async with fleet.acquire(Wish(), 1), fleet.acquire(Wish(), 1):
        fleet.heartbeat(node.node_id, node.token, Heartbeat(load=Load(slots_busy=3)))
        assert seen(fleet, "jetson").free == 1
    # The agent looked while our two legs still ran, and its word came after they had ended.
    fleet.heartbeat(node.node_id, node.token, Heartbeat(load=Load(slots_busy=2)))
    assert seen(fleet, "jetson").free == 4
    fleet.heartbeat(node.node_id, node.token, Heartbeat(load=Load(slots_busy=2)))
    assert seen(fleet, "jetson").free == 2


def test_speed_and_first_token_are_running_averages() -> None:
    fleet = registry(Hand(), static())
    fleet.observe("static-box", Observation(True, first_token_s=1.0, tokens=11, decode_s=1.0))
    assert (seen(fleet, "box").tokens_per_s, seen(fleet, "box").first_token_s) == (10.0, 1.0)
    fleet.observe("static-box", Observation(True, first_token_s=2.0, tokens=21, decode_s=1.0))
    assert seen(fleet, "box").tokens_per_s == pytest.approx(13.0)
    assert seen(fleet, "box").first_token_s == pytest.approx(1.3)
    fleet.observe("static-box", Observation(True, tokens=2, decode_s=0.0001))
    assert seen(fleet, "box").tokens_per_s == pytest.approx(13.0)
    fleet.observe("nobody", Observation(ok=True))


def test_a_node_that_keeps_failing_is_out_until_it_is_tried_again() -> None:
    clock = Hand()
    fleet = registry(clock, static(slots=4))
    fleet.observe("static-box", Observation(ok=False))
    assert seen(fleet, "box").state is NodeState.READY
    fleet.observe("static-box", Observation(ok=False))
    assert seen(fleet, "box").state is NodeState.LOST
    clock.now += 10
    assert (seen(fleet, "box").state, seen(fleet, "box").free) == (NodeState.READY, 1)
    fleet.observe("static-box", Observation(ok=True))
    assert seen(fleet, "box").free == 4


@pytest.mark.parametrize(
    ("nodes", "key"),
    [
        ([{"name": "a", "url": "http://a/v1", "model": "m"}] * 2, "nodes.1.name"),
        ([{"name": "a", "url": "a/v1", "model": "m"}], "nodes.0.url"),
    ],
)
def test_bad_static_nodes_are_told_by_their_key(nodes: list[dict[str, Any]], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Registry(FleetSettings(), [StaticNodeSettings(**node) for node in nodes], clock=Hand())
