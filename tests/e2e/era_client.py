#!/usr/bin/python3
"""A client of the Era door with Debian's python3-websockets: says what it has seen as one JSON object.

    era_client.py '{"url": "ws://...", "token": "...", "user": {"login": ..., "pwd": ...}}'
"""
import asyncio
import json
import sys

import websockets


async def call(socket, method, qid, **params):
    """The reply, as its text and as what it says; what comes before it is answered or kept aside."""
    await socket.send(json.dumps([method, {"qid": qid, **params}]))
    while True:
        text = await asyncio.wait_for(socket.recv(), 20)
        name, reply = json.loads(text)
        if name == method + "_result":
            return text, reply


async def token_side(url, token):
    async with websockets.connect(f"{url}/ws/token/v1", extra_headers={"Authorization": f"Bearer {token}"}) as socket:
        early = (await call(socket, "start_svcscript", 1, code="id"))[1]
        setup = (await call(socket, "setup", 0.19082918216295153, capabilities=[{"key": "svcscript"}, {"key": "nope"}]))[0]
        info = (await call(socket, "connection_info", None))[1]
        script = (await call(socket, "start_svcscript", [1, {"a": 2}], code="echo", startparam1="zażółć", timeout=20000))[1]
        await (await socket.ping())
        async with websockets.connect(f"{url}/ws/token/v1/{token}") as other:
            other_info = (await call(other, "connection_info", "x"))[1]
        return {"early": early, "setup": setup, "info": info, "script": script, "other_info": other_info}


async def user_side(url, user):
    async with websockets.connect(f"{url}/ws") as socket:
        setup = (await call(socket, "setup", 1, appPath="/desk/", capabilities=[{"key": "msg"}, {"key": "nope"}]))[1]
        wrong = (await call(socket, "login", 2, td="demo", login=user["login"], pwd="wrong"))[1]
        login = (await call(socket, "login", 930293482233, td="demo", **user))[1]
        async with websockets.connect(f"{url}/ws") as other:
            again = (await call(other, "login", 3, rsessionid=login["sessionid"]))[1]
            late = (await call(other, "setup", 4, capabilities=[{"key": "msg"}, {"key": "nope"}]))[1]
        return {"setup": setup, "wrong": wrong, "login": login, "again": again, "late": late}


async def refused(url):
    try:
        async with websockets.connect(f"{url}/ws/token/v1/{'0' * 32}"):
            return None
    except websockets.exceptions.InvalidStatusCode as error:
        return error.status_code


async def answering(url, token):
    """Tells its id, then replies to one request of the server, and ends."""
    async with websockets.connect(f"{url}/ws/token/v1/{token}") as socket:
        await call(socket, "setup", 1, capabilities=[{"key": "msg"}])
        print(json.dumps((await call(socket, "connection_info", 2))[1]), flush=True)
        name, params = json.loads(await asyncio.wait_for(socket.recv(), 20))
        await socket.send(json.dumps([name + "_result", {"qid": params["qid"], "result": "ok", "w": params["unit"] * 2}]))
        await asyncio.wait_for(socket.wait_closed(), 20)


async def main():
    at = json.loads(sys.argv[1])
    if at.get("answering"):
        await answering(at["url"], at["token"])
        return
    print(json.dumps({
        "token": await token_side(at["url"], at["token"]),
        "user": await user_side(at["url"], at["user"]),
        "refused": await refused(at["url"]),
    }))


asyncio.run(main())
