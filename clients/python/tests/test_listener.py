"""Listeners, of channels in Node and in Python."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest
from conftest import Start, content

from pageferry import Channel, Closed, EndpointInUse, InvalidArgument, Listener, PeerDied, Port, TimedOut

MIB = 1 << 20
LENGTHS = [0, 1, 63, 64, 65, 4095, 4096, 4097, 70_000, 3 * MIB]

ASKS = """
const channel = await sharedMmap.connect({ endpoint, poolBytes: 16 * 2 ** 20 });
for (const length of JSON.parse(args[0])) {
  const question = content(1, length);
  const answer = await channel.request(question, { tag: length });
  say([answer.tag, answer.bytes.every((each, at) => each === ((question[at] + 1) & 255))]);
  answer.release();
}
await channel.close();
"""


def test_node_connects_and_asks(endpoint: str, node: Start) -> None:
    with Listener(endpoint, pool_bytes=16 * MIB) as listener:
        peer = node(ASKS, LENGTHS)
        with listener.accept() as channel:  # type: ignore[union-attr]
            for message in channel:
                message.respond(np.frombuffer(message, np.uint8) + np.uint8(1), tag=message.tag)
        assert [peer.hear() for _ in LENGTHS] == [[length, True] for length in LENGTHS]
    peer.end()
    assert not os.path.exists(endpoint)


def test_several_channels_at_once_with_asyncio(endpoint: str, node: Start) -> None:
    peers = []

    async def serve(channel: Channel) -> None:
        async with channel:
            async for message in channel:
                await message.respond_async(np.frombuffer(message, np.uint8) + np.uint8(1), tag=message.tag)

    async def main() -> None:
        async with Listener(endpoint, pool_bytes=16 * MIB) as listener:
            for _ in range(3):
                peers.append(node(ASKS, [10, 5000]))
            serving = []
            async for channel in listener:
                serving.append(asyncio.create_task(serve(channel)))
                if len(serving) == 3:
                    break
            await asyncio.gather(*serving)

    asyncio.run(main())
    for peer in peers:
        assert [peer.hear(), peer.hear()] == [[10, True], [5000, True]]


def test_values_between_two_programs_in_python(endpoint: str, python: Start) -> None:
    with Listener(endpoint) as listener:
        peer = python("""
import numpy as np
from pageferry import Channel, Port
with Port(Channel(endpoint)) as port:
    answer = port.call("double", {"name": "sea", "pixels": np.arange(1000, dtype=np.int32)})
    say([answer["name"], int(answer["pixels"].sum())])
""")
        with Port(listener.accept()) as port:  # type: ignore[arg-type]
            port.handle("double", lambda value: {**value, "pixels": value["pixels"] * 2})
            port.serve()
        assert peer.hear() == ["sea", 999_000]
    peer.end()


def test_ends_of_listeners_and_channels(endpoint: str, node: Start) -> None:
    with pytest.raises(InvalidArgument):
        Listener(endpoint, pool_bytes=0)
    listener = Listener(endpoint)
    with pytest.raises(EndpointInUse):
        Listener(endpoint)
    with pytest.raises(TimedOut, match="nobody"):
        listener.accept(0.02)
    peer = node("const channel = await sharedMmap.connect({ endpoint }); say('there'); await heard();")
    channel = listener.accept(30)
    assert channel is not None and peer.hear() == "there"
    listener.close()
    with pytest.raises(Closed):
        listener.accept()
    channel.send(b"after the listener")
    peer.stop()
    with pytest.raises(PeerDied):
        channel.receive()
    channel.close()
