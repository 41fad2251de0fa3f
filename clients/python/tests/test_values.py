"""Values, to and from @pageferry/messages in Node."""

from __future__ import annotations

import asyncio
import mmap
import random
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from conftest import Start

from pageferry import (
    Channel,
    InvalidArgument,
    NoHandler,
    NotCloneable,
    NotSupported,
    PageferryError,
    PeerMisbehaved,
    Port,
    RemoteError,
    RequestFailed,
    TimedOut,
    shared,
)
from pageferry._values._decode import decode
from pageferry._values._encode import encode

# Sends back what comes, and answers requests.
PEER = """
const listener = await sharedMmap.listen({ endpoint, poolBytes: 64 * 2 ** 20 });
const port = createPort(await listener.accept());
port.handle('kinds', (value) => Object.fromEntries(Object.entries(value).map(([key, each]) => [key, kindOf(each)])));
port.handle('echo', (value) => value);
port.handle('made', (code) => (0, eval)(`(${code})`));
port.handle('fail', () => { throw Object.assign(new RangeError('too far', { cause: new Error('inner') }), { code: 'FAR' }); });
port.handle('slow', (_, { signal }) => new Promise((resolve) => {
  signal.addEventListener('abort', () => { say(signal.reason.code); resolve(); });
}));
function kindOf(value) {
  const name = Object.prototype.toString.call(value).slice(8, -1);
  return ArrayBuffer.isView(value) ? [name, value.length] : typeof value === 'object' ? name : `${typeof value} ${value}`;
}
await new Promise((resolve) => port.on('close', resolve));
await listener.close();
"""

ECHOES = """
const listener = await sharedMmap.listen({ endpoint, poolBytes: 64 * 2 ** 20 });
const port = createPort(await listener.accept());
for await (const message of port) await port.send(message.value);
await listener.close();
"""


def everything() -> dict[str, Any]:
    value: dict[str, Any] = {
        "none": None,
        "yes": True,
        "no": False,
        "small": [0, 1, -1, 2**30 - 1, -(2**30) + 1],
        "large": [2**30, -(2**30), 2**31, 2**53 - 1, -(2**53) + 1],
        "huge": [2**53, -(2**64), 10**40],
        "floats": [0.5, -0.25, 1e300, float("inf")],
        "texts": ["", "plain", "h\u00e4\u00df", "\u20ac\U0001f600", "x" * 5000, "\u20ac" * 5000],
        "nested": {"a": {"b": [[], {}, [{}]]}},
        "numbers as keys": {"1": "one", "02": "two"},
        "map": {1: "x", "a": 2, 2.5: None},
        "set": {1, "a"},
        "when": datetime(2026, 2, 3, 4, 5, 6, 789000, timezone.utc),
        "__proto__": 1,
    }
    return value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other)


def test_values_there_and_back(endpoint: str, node: Start) -> None:
    peer = node(ECHOES)
    with Port(Channel(endpoint)) as port:
        for key, each in everything().items():
            port.send({key: each})
            with port.receive() as received:  # type: ignore[union-attr]
                # What has this name in JavaScript is no property of an object.
                assert received.value == {key: each}, key
        port.send(["not", "a", ("number", float("nan"))])
        received = port.receive()
        assert received is not None and received.value[2][0] == "number" and received.value[2][1] != received.value[2][1]
    peer.end()


def test_arrays_lie_beside_the_value(endpoint: str, node: Start) -> None:
    node(ECHOES)
    types = ["u1", "i1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8"]
    with Port(Channel(endpoint, pool_bytes=64 << 20)) as port:
        for length in (0, 1, 63, 64, 65, 4095, 4096, 4097, 500_000):
            arrays = {name: (np.arange(length) % 100).astype(name) for name in types}
            port.send({"meta": {"width": 640, "name": "sea"}, **arrays})
            received = port.receive()
            assert received is not None
            meta = received.value.pop("meta")
            assert meta == {"width": 640, "name": "sea"}
            for name in types:
                array = received.value[name]
                assert same(array, arrays[name]), name
                assert length == 0 or not array.flags.writeable
            received.release()
            # They keep the message.
            assert length == 0 or array[-1] == (length - 1) % 100


def test_what_python_sends_is_what_javascript_has(endpoint: str, node: Start) -> None:
    node(PEER)
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    with Port(Channel(endpoint)) as port:
        kinds = port.call(
            "kinds",
            {
                "bytes": b"abc",
                "bytearray": bytearray(3),
                "memoryview": memoryview(array),
                "matrix": array,
                "every other": array[:, ::2],
                "flags": np.array([True, False]),
                "longs": np.arange(3),
                "scalar": np.float32(1.5),
                "count": np.int64(7),
                "tuple": (1, 2),
                "map": {1: 2},
                "set": frozenset([1]),
                "date": datetime.now(timezone.utc),
                "error": ValueError("x"),
                "none": None,
                "huge": 2**60,
                "large": 2**40,
            },
        )
    assert kinds == {
        "bytes": ["Uint8Array", 3],
        "bytearray": ["Uint8Array", 3],
        "memoryview": ["Float32Array", 12],
        "matrix": ["Float32Array", 12],
        "every other": ["Float32Array", 6],
        "flags": ["Uint8Array", 2],
        "longs": ["BigInt64Array", 3],
        "scalar": "number 1.5",
        "count": "number 7",
        "tuple": "Array",
        "map": "Map",
        "set": "Set",
        "date": "Date",
        "error": "Error",
        "none": "Null",
        "huge": "bigint 1152921504606846976",
        "large": "number 1099511627776",
    }


def test_what_javascript_sends_is_what_python_has(endpoint: str, node: Start) -> None:
    node(PEER)
    made: list[tuple[str, Any]] = [
        ("undefined", None),
        ("[1, , 3]", [1, None, 3]),
        ("Object.assign([1], { x: 1 })", [1]),
        ("(() => { const sparse = []; sparse[100] = 1; return sparse; })()", [None] * 100 + [1]),
        ("Object(5)", 5),
        ("Object('text')", "text"),
        ("Object(true)", True),
        ("Object(5n)", 5),
        ("-0", -0.0),
        ("3.0", 3),
        ("1e15", 10**15),
        ("new Date(NaN)", None),
        ("new Map([['a', 1]])", {"a": 1}),
        ("Buffer.from('abc')", np.frombuffer(b"abc", np.uint8)),
        ("new Uint8ClampedArray([1, 2])", np.array([1, 2], np.uint8)),
        ("new DataView(new ArrayBuffer(3))", np.zeros(3, np.uint8)),
        ("new Uint8Array([1, 2, 3]).buffer", b"\x01\x02\x03"),
        ("Float64Array.of(1, 2).subarray(1)", np.array([2.0])),
        ("'\\ud800'", "\ud800"),
        ("new (class Point { x = 1 })", {"x": 1}),
    ]
    with Port(Channel(endpoint)) as port:
        for code, expected in made:
            assert same(port.call("made", code), expected), code
        array, part, buffer = port.call(
            "made", "(() => { const a = Uint8Array.of(1, 2, 3); return [a, a.subarray(1), a.buffer]; })()"
        )
        assert (list(array), list(part), buffer) == ([1, 2, 3], [2, 3], b"\x01\x02\x03")
        with pytest.raises(NotSupported, match="RegExp"):
            port.call("made", "/x/")
        with pytest.raises(NotSupported, match="key"):
            port.call("made", "new Map([[{}, 1]])")


def test_references_and_cycles(endpoint: str, node: Start) -> None:
    node(ECHOES)
    with Port(Channel(endpoint)) as port:
        part = {"x": np.arange(3, dtype=np.int32)}
        value: dict[str, Any] = {"one": part, "other": part, "array": part["x"]}
        value["self"] = value
        port.send(value)
        received = port.receive()
        assert received is not None
        back = received.value
        assert back["self"] is back and back["one"] is back["other"] and back["array"] is back["one"]["x"]


def test_what_is_composed_is_filled_in_place(endpoint: str, node: Start) -> None:
    node(PEER)
    with Port(Channel(endpoint, pool_bytes=8 << 20)) as port:
        question = port.compose({"meta": {"width": 1000}, "pixels": shared(np.float32, (1000, 500))})
        pixels = question.value["pixels"]
        assert question.value["meta"] == {"width": 1000} and pixels.flags.writeable
        pixels[:] = 21
        with port.request("echo", question) as answer:
            assert answer.value["meta"] == {"width": 1000}
            assert answer.value["pixels"].shape == (500_000,) and (answer.value["pixels"] == 21).all()
            assert not answer.value["pixels"].flags.writeable
        copied = port.call("echo", {"pixels": np.arange(5)})["pixels"]
        copied[0] = 9
        port.compose({"x": shared("f8", 10)}).release()
        with pytest.raises(InvalidArgument, match="composed"):
            port.send(shared("u1", 5))


def test_handlers_answer_node(endpoint: str, node: Start) -> None:
    peer = node("""
      const listener = await sharedMmap.listen({ endpoint });
      const port = createPort(await listener.accept());
      const pixels = Float32Array.of(1, 2, 3);
      const doubled = await port.call('double', { meta: { name: 'sea' }, pixels });
      say([doubled.meta.name, doubled.pixels.constructor.name, [...doubled.pixels]]);
      const composed = await port.call('composed', 1000);
      say([composed.x.length, composed.x.every((each) => each === 5)]);
      await port.call('fail').catch(({ code, cause }) => say([code, cause.name, cause.message, cause.stack.includes('Traceback')]));
      await port.call('unsendable').catch(({ code, cause }) => say([code, cause.name]));
      await port.call('large').catch(({ code, cause }) => say([code, cause.name]));
      await port.call('nothing').catch(({ code }) => say([code]));
      await port.send({ last: true });
      await listener.close();
    """)
    # Never touched, and more than a message may have.
    boundless = mmap.mmap(-1, 1 << 32, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ)
    with Port(Channel(endpoint)) as port:

        def composed(length: int) -> object:
            answer = port.compose({"x": shared(np.uint16, length)})
            answer.value["x"][:] = 5
            return answer

        def fail(_: object) -> None:
            raise LookupError("not there")

        port.handle("double", lambda value: {**value, "pixels": value["pixels"] * 2})
        port.handle("composed", composed)
        port.handle("fail", fail)
        port.handle("unsendable", lambda _: object())
        port.handle("large", lambda _: np.frombuffer(boundless, np.uint8))
        with pytest.raises(InvalidArgument):
            port.handle("fail", fail)
        with pytest.raises(InvalidArgument):
            port.handle("x" * 257, fail)
        values = []
        for received in port:
            values.append(received.value)
        assert values == [{"last": True}]
    assert peer.hear() == ["sea", "Float32Array", [2, 4, 6]]
    assert peer.hear() == [1000, True]
    assert peer.hear() == ["REQUEST_FAILED", "LookupError", "not there", True]
    assert peer.hear() == ["REQUEST_FAILED", "NotCloneable"]
    assert peer.hear() == ["REQUEST_FAILED", "MessageTooLarge"]
    assert peer.hear() == ["NO_HANDLER"]
    peer.end()


def test_coroutines_answer_several_at_once_and_are_given_up(endpoint: str, node: Start) -> None:
    peer = node("""
      const listener = await sharedMmap.listen({ endpoint });
      const port = createPort(await listener.accept());
      const all = Array.from({ length: 20 }, (_, number) => port.call('later', number));
      say(await Promise.all(all));
      const giveUp = new AbortController();
      const never = port.call('never', 1, { signal: giveUp.signal }).catch(({ code }) => say(code));
      await port.receive(); // It has begun.
      giveUp.abort();
      await never;
      await listener.close();
    """)
    given_up = []

    async def main() -> None:
        arrived = 0
        all_here = asyncio.Event()

        async def later(number: int) -> int:
            nonlocal arrived
            arrived += 1
            if arrived == 20:
                all_here.set()
            await all_here.wait()
            return number + 1

        async def never(_: int) -> None:
            try:
                await port.send_async("begun")
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                given_up.append(True)
                raise

        async with Port(await Channel.connect(endpoint)) as port:
            port.handle("later", later)
            port.handle("never", never)
            await port.serve_async()

    asyncio.run(main())
    assert peer.hear() == list(range(1, 21))
    assert peer.hear() == "ABORTED"
    assert given_up == [True]
    peer.end()


def test_errors_of_handlers_in_node(endpoint: str, node: Start) -> None:
    peer = node(PEER)
    with Port(Channel(endpoint)) as port:
        with pytest.raises(RequestFailed, match="too far") as failure:
            port.request("fail")
        cause = failure.value.__cause__
        assert isinstance(cause, RemoteError) and cause.name == "RangeError" and cause.properties == {"code": "FAR"}
        assert str(cause.__cause__) == "Error: inner" and cause.stack is not None
        with pytest.raises(NoHandler):
            port.request("nobody")
        with pytest.raises(TimedOut):
            port.request("slow", timeout=0.02)
        assert peer.hear() == "ABORTED"
        with pytest.raises(InvalidArgument):
            port.request("")
        assert port.call("echo", 5) == 5


def test_what_cannot_be_sent_says_where(endpoint: str, node: Start) -> None:
    node(PEER)
    with Port(Channel(endpoint)) as port:
        cases: list[tuple[object, str]] = [
            (object(), "a object cannot be sent"),
            ({"list": [1, {"job": lambda: 1}]}, r"\['list'\]\[1\]\['job'\]"),
            ({"x": np.zeros(2, np.complex128)}, r"complex128.*\['x'\]"),
            (np.zeros(2, ">f4"), "JavaScript has no such arrays"),
            (np.array(["text"]), "cannot be sent"),
        ]
        for value, words in cases:
            with pytest.raises(NotCloneable, match=words):
                port.send(value)
        deep: list[Any] = []
        for _ in range(5000):
            deep = [deep]
        with pytest.raises(NotCloneable, match="nested deeper"):
            port.send(deep)
        assert port.call("echo", 1) == 1


def test_a_message_that_is_no_value_is_dropped(endpoint: str, node: Start) -> None:
    node("""
      const listener = await sharedMmap.listen({ endpoint });
      const channel = await listener.accept();
      await channel.send(Buffer.from('no value'));
      await createPort(channel).send('a value');
      await heard();
    """)
    with Port(Channel(endpoint)) as port:
        with pytest.raises(PeerMisbehaved):
            port.receive()
        assert port.receive().value == "a value"  # type: ignore[union-attr]


def test_whatever_comes_is_read_or_refused() -> None:
    chance = random.Random(1)
    value = {**everything(), "pixels": np.arange(20, dtype=np.float32), "error": ValueError("x")}
    encoded = encode(value)
    memory = bytearray(encoded.byte_length)
    encoded.write_to(memoryview(memory))
    decode(memory)
    refused = 0
    for _ in range(4000):
        wrong = bytearray(memory)
        for _ in range(chance.randint(1, 3)):
            wrong[chance.randrange(min(len(wrong), 1200))] = chance.randrange(256)
        try:
            decode(wrong[: chance.choice([len(wrong), chance.randrange(len(wrong))])])
        except PageferryError:
            refused += 1
    assert refused > 1000
    deep = encode([])
    nested = bytearray(deep.byte_length)
    deep.write_to(memoryview(nested))
    head = b"\xff\x0f" + b"A\x01" * 50_000
    nested[8:12] = len(head).to_bytes(4, "little")
    with pytest.raises(PeerMisbehaved, match="nested deeper"):
        decode(nested[:32] + head)
    sparse = b"\xff\x0fa\xff\xff\xff\x7f@\x00\xff\xff\xff\x7f"
    nested[8:12] = len(sparse).to_bytes(4, "little")
    with pytest.raises(PeerMisbehaved, match="holes"):
        decode(nested[:32] + sparse)


def test_without_numpy_arrays_are_memoryviews() -> None:
    code = """
import sys
sys.modules["numpy"] = None
from array import array
from pageferry import shared
from pageferry._values._decode import decode
from pageferry._values._encode import encode
encoded = encode({"x": array("f", [1, 2.5]), "y": b"abc", "z": shared("i2", 0)}, takes_shared=True)
memory = bytearray(encoded.byte_length)
encoded.write_to(memoryview(memory))
value = decode(memory).value
assert (value["x"].format, value["x"].tolist(), bytes(value["y"])) == ("f", [1, 2.5], b"abc")
assert value["z"].nbytes == 0
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
