# A WebSocket server and its clients, with the library that Debian has.
#
#   web_socket.py serve NAME HOST PORT       says NAME to each client, then what the client says
#   web_socket.py talk URL                   50 clients at once, as different as they can be
#   web_socket.py stay URL                   one client with a cookie jar, again and again
import asyncio
import contextlib
import http
import sys

import websockets


async def serve(name, host, port):
    async def echo(socket):
        await socket.send(name)
        # How its clients end is theirs to say.
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in socket:
                await socket.send(message)

    async def gate(path, headers):
        if path == "/forbidden":
            return http.HTTPStatus.FORBIDDEN, [("X-Why", "because")], b"not here\n"
        # What a probe asks for.
        if path == "/healthz":
            return http.HTTPStatus.OK, [], b"well\n"

    async with websockets.serve(echo, host, int(port), process_request=gate, max_size=None):
        await asyncio.Future()


async def client(url, number):
    compression = "deflate" if number % 2 else None
    async with websockets.connect(url, compression=compression, max_size=None) as socket:
        assert bool(socket.extensions) == bool(compression), "compression was not agreed on"
        name = await socket.recv()
        for size in (0, 1, 125, 126, 65535, 65536, 1000000):
            text = ("%d " % number * size)[:size]
            await socket.send(text)
            assert await socket.recv() == text, "%d characters changed" % size
            data = bytes(i * number % 256 for i in range(min(size, 70000)))
            await socket.send(data)
            assert await socket.recv() == data, "%d bytes changed" % size
        # In fragments (RFC 6455, section 5.4).
        await socket.send(["frag", "ment", "ed"])
        assert await socket.recv() == "fragmented"
        await asyncio.wait_for(await socket.ping(), 10)
        # Many under way at once come back in order.
        for turn in range(100):
            await socket.send(str(turn))
        assert [await socket.recv() for _ in range(100)] == [str(turn) for turn in range(100)]
        await socket.close(4000 + number, "done with %d" % number)
        assert (socket.close_code, socket.close_reason) == (4000 + number, "done with %d" % number)
        return name


async def talk(url):
    names = await asyncio.gather(*(client(url, number) for number in range(50)))
    try:
        await websockets.connect(url + "forbidden")
        raise AssertionError("was let in")
    except websockets.InvalidStatusCode as error:
        assert error.status_code == 403 and error.headers["X-Why"] == "because"
    print(*sorted(set(names)))


async def stay(url):
    jar, names = {}, set()
    for _ in range(20):
        async with websockets.connect(url, extra_headers=jar) as socket:
            cookie = socket.response_headers.get("Set-Cookie")
            if cookie:
                jar["Cookie"] = cookie.split(";")[0]
            names.add(await socket.recv())
    print(*names)


asyncio.run({"serve": serve, "talk": talk, "stay": stay}[sys.argv[1]](*sys.argv[2:]))
