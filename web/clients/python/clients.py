"""G71 for Python: gql 4 by aiohttp (HTTP, and its WebSocket for subscriptions) and by websockets. The scenario is that of
scenario.mjs.

Environment: INKLEDGER_URL the server, WIRE_URL the wire to it that can be cut, CONTROL_URL who cuts it, PASSWORD.
"""

import asyncio
import os
import sys
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from gql import Client, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import parse, print_ast

DIRECT, WIRE, CONTROL, PASSWORD = (os.environ[name] for name in ("INKLEDGER_URL", "WIRE_URL", "CONTROL_URL", "PASSWORD"))
DOCUMENT = parse((Path(__file__).parent.parent / "operations.graphql").read_text(encoding="utf-8"))
OPERATIONS = {operation.name.value: print_ast(operation) for operation in DOCUMENT.definitions}
WAIT_S = 20


def by_aiohttp(url, token):
    return AIOHTTPTransport(f"{url}/graphql", headers={"authorization": f"Bearer {token}"} if token else {})


def by_websockets(url, token):
    # gql looks for the answer's `Sec-WebSocket-Protocol` in this spelling alone and takes its absence for the legacy
    # protocol, so it must offer the one that is meant.
    return WebsocketsTransport(socket_url(url), subprotocols=["graphql-transport-ws"], init_payload=init_payload(token))


def by_aiohttp_websockets(url, token):
    return AIOHTTPWebsocketsTransport(socket_url(url), init_payload=init_payload(token))


def socket_url(url):
    return url.replace("http", "ws", 1) + "/graphql"


def init_payload(token):
    return {"authorization": f"Bearer {token}"} if token else {}


def request(name, **variables):
    return GraphQLRequest(OPERATIONS[name], variable_values=variables)


@asynccontextmanager
async def opened(transport, url, token=None):
    # The schema is not fetched: only ADMIN and HERO may introspect it.
    async with Client(transport=transport(url, token), fetch_schema_from_transport=False) as session:
        yield session


async def control(word):
    async with aiohttp.ClientSession() as http, http.post(f"{CONTROL}/{word}") as answer:
        return int(await answer.text())


def same(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: {found} instead of {expected}")


async def credit(session, account, amount):
    answer = await session.execute(request("AddCredits", account=account, amount=amount, key=str(uuid.uuid4())))
    same(answer["addCredits"]["userErrors"], [], "userErrors of a bystander")


async def watch(transport, token, account, events, breaks):
    """Subscribes, and after a break subscribes anew behind the last event seen."""
    after = None
    while True:
        try:
            async with opened(transport, WIRE, token) as session:
                async for answer in session.subscribe(request("Watch", account=account, after=after)):
                    event = answer["creditBalance"]
                    after = event["cursor"]
                    events.append(event)
            breaks.append("the stream ended")
        except Exception as cause:  # What a break is called differs between transports.
            breaks.append(repr(cause))
        await asyncio.sleep(0.1)


async def until(condition, told):
    try:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {WAIT_S} s; {told()}") from None


async def scenario(transport, subscribing):
    async with opened(transport, WIRE) as stranger:
        answer = await stranger.execute(request("SignIn", identity="hero", password=PASSWORD))
        token = answer["signIn"]["session"]["accessToken"]
    async with opened(transport, WIRE, token) as session:
        viewer = (await session.execute(request("Me")))["viewer"]
        same(viewer["username"], "hero", "who is signed in")
        account, before = viewer["personalAccount"]["id"], viewer["personalAccount"]["balance"]["available"]

        key = str(uuid.uuid4())
        answers = [await session.execute(request("AddCredits", account=account, amount=5, key=key)) for _ in range(2)]
        same(answers[0]["addCredits"]["balanceAfter"], before + 5, "the balance after addCredits")
        same(answers[1], answers[0], "the answer to the same key")
        viewer = (await session.execute(request("Me")))["viewer"]
        same(viewer["personalAccount"]["balance"]["available"], before + 5, "the balance after one key was sent twice")

        answer = await session.execute(request("AddCredits", account=account, amount=0, key=str(uuid.uuid4())))
        refusals = [(error["code"], error["path"]) for error in answer["addCredits"]["userErrors"]]
        same(refusals, [("AMOUNT_ZERO", ["input", "amount"])], "refusal")
    await watches(subscribing, token, account)


async def watches(transport, token, account):
    events, breaks = [], []
    watching = asyncio.create_task(watch(transport, token, account, events, breaks))
    told = lambda: f"events {events}; the last breaks {breaks[-2:]}"
    try:
        async with opened(by_aiohttp, DIRECT, token) as bystander:
            await until(lambda: events, told)
            await credit(bystander, account, 1)
            await until(lambda: len(events) == 2, told)
            if await control("cut") == 0:
                raise AssertionError("no connection was open to be cut")
            await credit(bystander, account, 2)
            await credit(bystander, account, 3)
            await control("mend")
            await credit(bystander, account, 4)
            last = events[0]["sequence"] + 4
            await until(lambda: events[-1]["sequence"] >= last, told)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await control("mend")

    start, available = events[0]["sequence"], events[0]["balance"]["available"]
    expected = [("SNAPSHOT", start, available)]
    for at, amount in enumerate((1, 2, 3, 4)):
        available += amount
        expected.append(("TRANSACTION", start + at + 1, available))
    got = [(event["kind"], event["sequence"], event["balance"]["available"]) for event in events]
    same(got, expected, "events around a break")
    if not breaks:
        raise AssertionError("the client saw no break, so nothing was resumed")


# Which transport asks, and which subscribes.
TRANSPORTS = {"aiohttp": (by_aiohttp, by_aiohttp_websockets), "websockets": (by_websockets, by_websockets)}
asyncio.run(scenario(*TRANSPORTS[sys.argv[1]]))
