"""Models, nodes, admin, health, metrics, the API's own description."""

from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from picegate.core.events import Planned, TextDelta
from picegate.core.quality import Quality
from picegate.core.usage import PassageRecord, Stall
from tests.contract.asking import body, get, post
from tests.contract.house import PROGRESSIVE_PLAN, door, finished, progressive

FLEET = {"enrolment_token": "enrol-me"}
AGENT = {"name": "orin-1", "url": "http://127.0.0.1:9/v1", "model": "small", "slots": 2, "context_tokens": 4096}
STATIC = {"name": "ollama", "url": "http://127.0.0.1:9/v1", "model": "small", "api_key": "node-secret"}
NAMES = ["pice", "pice-cloud", "pice-progressive", "pice-edge", "gpt-4o", "org/tiny"]


async def test_the_model_list_holds_our_names_and_the_aliases(tmp_path: Path) -> None:
    async with door(tmp_path) as at, at.client() as client:
        listed = (await client.models.list()).data
        one = await client.models.retrieve("pice-edge")
        short = (await get(at.root, "/models")).json()
        slashed = (await get(at.root, "/v1/models/org/tiny")).json()
        with pytest.raises(openai.NotFoundError) as caught:
            await client.models.retrieve("gpt-9")
    assert [model.id for model in listed] == NAMES
    assert all((m.object, m.owned_by) == ("model", "picegate") and m.created > 1_700_000_000 for m in listed)
    assert one == next(model for model in listed if model.id == "pice-edge")
    assert [entry["id"] for entry in short["data"]] == NAMES
    assert slashed["id"] == "org/tiny"
    assert caught.value.code == "model_not_found"


async def test_an_agent_registers_beats_drains_and_goes(tmp_path: Path) -> None:
    # Keys are required of clients; agents come with tokens of their own.
    async with door(tmp_path, fleet=FLEET, access={"require_key": True}) as at:
        taken = await post(at.root, AGENT, "/nodes/v1/register", authorization="Bearer enrol-me")
        assert taken.status_code == 200
        node, token = taken.json()["node_id"], f"Bearer {taken.json()['token']}"
        beat = await post(at.root, {"load": {"queued": 1}}, f"/nodes/v1/nodes/{node}/heartbeat", authorization=token)
        assert beat.json() == {"lease_s": 15.0, "heartbeat_s": 5.0}
        assert [view.usable for view in at.house.registry.view()] == [True]
        assert (await post(at.root, b"", f"/nodes/v1/nodes/{node}/drain", authorization=token)).status_code == 204
        assert [view.usable for view in at.house.registry.view()] == [False]
        async with httpx2.AsyncClient() as client:
            gone = await client.delete(f"{at.root}/nodes/v1/nodes/{node}", headers={"authorization": token})
        assert gone.status_code == 204
        assert at.house.registry.view() == ()


async def test_what_an_agent_has_measured_of_itself_is_shown_to_the_operator(tmp_path: Path) -> None:
    rate = {"tokens_per_s": 21.5, "age_s": 0.0, "source": "self_test"}
    async with door(tmp_path, fleet=FLEET) as at:
        taken = await post(at.root, AGENT, "/nodes/v1/register", authorization="Bearer enrol-me")
        (before,) = (await get(at.root, "/admin/v1/nodes")).json()["data"]
        beat = {"speed": {"prefill": {**rate, "tokens_per_s": 260}, "decode": [{**rate, "sequences": 1}]}}
        path, token = f"/nodes/v1/nodes/{taken.json()['node_id']}/heartbeat", f"Bearer {taken.json()['token']}"
        assert (await post(at.root, beat, path, authorization=token)).status_code == 200
        (after,) = (await get(at.root, "/admin/v1/nodes")).json()["data"]
    assert (before["curve"], before["tokens_per_s"]) == (None, None)
    assert (after["curve"]["prefill"]["tokens_per_s"], after["curve"]["prefill"]["source"]) == (260, "self_test")
    assert [(rate["sequences"], rate["tokens_per_s"]) for rate in after["curve"]["decode"]] == [(1, 21.5)]
    assert after["tokens_per_s"] == 21.5


@pytest.mark.parametrize(
    ("content", "token", "status", "param"),
    [
        (AGENT, "Bearer wrong", 401, None),
        (AGENT, "", 401, None),
        ({**AGENT, "slots": 0}, "Bearer enrol-me", 400, "slots"),
        ({**AGENT, "speed": {"prefill": {"tokens_per_s": -1}}}, "Bearer enrol-me", 400, "speed.prefill.tokens_per_s"),
        ({**AGENT, "url": "ftp://x"}, "Bearer enrol-me", 400, "url"),
        (b"{", "Bearer enrol-me", 400, None),
    ],
)
async def test_a_bad_registration_is_told_why(
    tmp_path: Path, content: Any, token: str, status: int, param: str | None
) -> None:
    async with door(tmp_path, fleet=FLEET) as at:
        reply = await post(at.root, content, "/nodes/v1/register", authorization=token)
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert reply.json()["error"]["param"] == param


async def test_a_client_key_opens_no_node_door(tmp_path: Path) -> None:
    async with door(tmp_path, fleet=FLEET, access={"require_key": True}) as at:
        reply = await post(at.root, AGENT, "/nodes/v1/register", authorization=f"Bearer {at.secret}")
    assert reply.status_code == 401


async def test_a_heartbeat_of_a_forgotten_node_is_a_404(tmp_path: Path) -> None:
    async with door(tmp_path, fleet=FLEET) as at:
        reply = await post(at.root, {}, "/nodes/v1/nodes/agent-x/heartbeat", authorization="Bearer t")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


async def test_the_admin_rooms_need_an_admin_key(tmp_path: Path) -> None:
    async with door(tmp_path, nodes=[STATIC], access={"require_key": True}) as at:
        admin, _ = at.house.keys.create("boss", admin=True)
        for path in ("/admin/v1/nodes", "/admin/v1/usage", "/admin/v1/requests/x"):
            assert (await get(at.root, path)).status_code == 401
            assert (await get(at.root, path, authorization=f"Bearer {at.secret}")).status_code == 403
        nodes = await get(at.root, "/admin/v1/nodes", authorization=f"Bearer {admin}")
    (node,) = nodes.json()["data"]
    assert (node["name"], node["state"], node["kind"]) == ("ollama", "ready", "static")
    assert "node-secret" not in nodes.text


async def test_usage_and_requests_come_from_the_ledger(tmp_path: Path) -> None:
    async with door(tmp_path, *progressive(TextDelta("Hi", 0))) as at:
        await post(at.root, body(), x_request_id="req-1")
        for event in (Planned(PROGRESSIVE_PLAN), finished()):
            at.house.ledger.listen(at.script.asked[0], event)
        at.house.ledger.close()
        usage = (await get(at.root, "/admin/v1/usage?by=mode&since=2020-01-01")).json()
        by_node = (await get(at.root, "/admin/v1/usage?by=node")).json()
        later = (await get(at.root, "/admin/v1/usage?since=2999-01-01T00:00:00Z")).json()
        one = (await get(at.root, "/admin/v1/requests/req-1")).json()
        missing = await get(at.root, "/admin/v1/requests/req-2")
        bad = await get(at.root, "/admin/v1/usage?by=moon")
        worse = await get(at.root, "/admin/v1/usage?since=yesterday")
    assert usage["data"][0]["group"] == "progressive"
    assert usage["data"][0]["completion_tokens"] == 160
    assert "saved" in usage["data"][0]
    assert {entry["node"] for entry in by_node["data"]} == {"cloud", "orin-1", "orin-2", "orin-3"}
    assert later["data"] == []
    assert len(one["legs"]) == 4
    assert missing.status_code == 404
    assert (bad.status_code, bad.json()["error"]["param"]) == (400, "by")
    assert (worse.status_code, worse.json()["error"]["param"]) == (400, "since")


async def test_a_request_can_be_drawn_from_what_the_admin_side_tells(tmp_path: Path) -> None:
    end = finished()
    end.tally.legs[1].waited_s, end.tally.legs[1].quality, end.tally.legs[1].kept = 0.2, Quality(0.8), True
    end.tally.passages = [PassageRecord(1, 1, 60, 0.3, 0.6, 1.5, "orin-1", 1)]
    end.tally.stalls = {1: Stall(1, 1, 0.4, 0.7, 0.4)}
    async with door(tmp_path) as at:
        await post(at.root, body(), x_request_id="req-1")
        for event in (Planned(PROGRESSIVE_PLAN), end):
            at.house.ledger.listen(at.script.asked[0], event)
        at.house.ledger.close()
        found = (await get(at.root, "/admin/v1/requests/req-1")).json()
    stall = {"segment": 1, "times": 1, "total_s": 0.4, "from_s": 0.7, "longest_s": 0.4}
    assert found["legs"][1] == {
        "kind": "expand",
        "where": "orin-1",
        "model": "small",
        "point": 1,
        "end": "done",
        "error": None,
        "waited_s": 0.2,
        "started_s": 0.5,
        "first_token_s": 0.6,
        "ended_s": 1.5,
        "prompt_tokens": 50,
        "cached_tokens": 0,
        "completion_tokens": 60,
        "quality": {"leg": 1, "kept": True, "confidence": 0.8, "defects": {}, "mean_logprob": None},
        "kept": True,
    }
    assert found["passages"] == [
        {
            "segment": 1,
            "point": 1,
            "words": 60,
            "opened_s": 0.3,
            "turn_s": 0.6,
            "done_s": 1.5,
            "writer": "orin-1",
            "attempts": 1,
            "stood_in": False,
            "candidates": 1,
            "why": "",
            "stall": stall,
        }
    ]
    assert found["stalls"] == [stall]
    assert (found["first_token_s"], found["total_s"]) == (0.25, 1.75)


@pytest.mark.parametrize(
    ("cloud_up", "nodes", "status", "ready"),
    [
        (True, [], "ok", 200),
        (True, [STATIC], "ok", 200),
        (False, [STATIC], "degraded", 200),
        (False, [], "down", 503),
    ],
)
async def test_health_says_who_can_answer(
    tmp_path: Path, cloud_up: bool, nodes: list[dict[str, Any]], status: str, ready: int
) -> None:
    async with door(tmp_path, cloud_up=cloud_up, nodes=nodes, access={"require_key": True}) as at:
        health = await get(at.root, "/health")
        assert (await get(at.root, "/health/live")).json() == {"status": "ok"}
        assert (await get(at.root, "/health/ready")).status_code == ready
    assert health.json()["status"] == status
    assert health.json()["nodes"] == {"ready": len(nodes), "known": len(nodes)}
    assert health.json()["version"]


async def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    async with door(tmp_path, nodes=[STATIC]) as at:
        reply = await get(at.root, "/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE picegate_requests_total counter" in reply.text


async def test_the_api_describes_itself(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        document = (await get(at.root, "/openapi.json")).json()
    chat = document["paths"]["/v1/chat/completions"]["post"]
    schema = chat["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["model", "messages"]
    pice = {"mode", "level", "ensemble", "data_policy", "service_level", "explain"}
    assert set(schema["properties"]["pice"]["properties"]) == pice
    assert "text/event-stream" in chat["responses"]["200"]["content"]
    assert "/nodes/v1/register" in document["paths"]
    assert "/chat/completions" not in document["paths"]
    assert "422" not in str(document["paths"])
    assert "HTTPValidationError" not in str(document)
