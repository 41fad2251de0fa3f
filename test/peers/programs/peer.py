"""The peer in Python. Its arguments, its input and its output are those of node.mjs and peer.c: see ../peers.ts."""

from __future__ import annotations

import json
import sys
import time

from pageferry import PageferryError, Receiver, Sender

LARGEST = 4 << 20
PATTERN = memoryview(bytes(range(251)) * (LARGEST // 251 + 2))


def content_of(number: int, length: int) -> memoryview:
    """What message `number` says."""
    return PATTERN[number % 251 : number % 251 + length]


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


def send(endpoint: str, pool_bytes: int) -> None:
    number = 0
    with Sender(endpoint, pool_bytes=pool_bytes) as sender:

        def send_one(length: int, shift: int) -> None:
            nonlocal number
            sender.send(content_of(number + shift, length), tag=number)
            number += 1

        def send_all(flushes: str, lengths: str, rounds: str) -> None:
            for _ in range(int(rounds)):
                for length in map(int, lengths.split(",")):
                    send_one(length, 0)
                    if flushes == "flushing":
                        sender.flush()

        say({"open": True})
        for line in sys.stdin:
            command, *words = line.split()
            try:
                match command:
                    case "await":
                        sender.wait_for_receivers(int(words[0]))
                    case "send":
                        send_all(*words)
                    case "lie":
                        send_one(int(words[0]), 1)
                    case "flush":
                        sender.flush()
                    case "alone":
                        while sender.receivers:
                            time.sleep(0.001)
                    case "close":
                        sender.close()
                say({"sent": number})
            except PageferryError as error:
                say({"sent": number, "error": error.code})


def receive(endpoint: str, policy: str, holds: int, tells: int) -> None:
    seen = {"end": "END", "count": 0, "wrong": 0, "disordered": 0, "dropped": 0, "tag": -1, "length": -1}
    held = []
    with Receiver(endpoint, policy=policy) as receiver:  # type: ignore[arg-type]
        try:
            while (message := receiver.receive()) is not None:
                tag, length = message.tag, len(message)
                is_whole = memoryview(message) == content_of(tag, length)
                follows = tag == seen["tag"] + 1 if policy == "wait" else tag > seen["tag"]
                seen["wrong"] += not is_whole
                seen["disordered"] += (not follows and seen["count"] > 0) or message.number != tag
                seen["count"] += 1
                seen["tag"], seen["length"] = tag, length
                if seen["count"] <= tells:
                    say({"tag": tag, "length": length, "isWhole": is_whole})
                elif seen["count"] == tells + 100:
                    say({"count": seen["count"]})
                held.append(message)
                if len(held) > holds:
                    held.pop(0).release()
        except PageferryError as error:
            seen["end"] = error.code
        seen["dropped"] = receiver.dropped
    say(seen)


if sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]))
else:
    receive(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
