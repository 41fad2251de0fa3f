"""What the tests share: real peers in Node, which end with their test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
NODE = os.environ.get("PAGEFERRY_NODE", "node")

PRELUDE = f"""
import {{ createInterface }} from 'node:readline';
import {{ sharedMmap }} from '{REPOSITORY}/packages/shared-mmap/dist/index.js';
import {{ createPort, shared }} from '{REPOSITORY}/packages/messages/dist/index.js';
const [endpoint, ...args] = process.argv.slice(1);
const lines = createInterface({{ input: process.stdin }})[Symbol.asyncIterator]();
/** What the test has said; undefined at the end. */
const heard = async () => {{
  const {{ value, done }} = await lines.next();
  return done ? undefined : JSON.parse(value);
}};
const say = (value) => process.stdout.write(`${{JSON.stringify(value)}}\\n`);
/** As `content` of the tests. */
const content = (number, length) => {{
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (number * 31 + at + (at >> 8)) & 255;
  return bytes;
}};
"""


def content(number: int, length: int) -> np.ndarray:
    """Bytes that tell messages, and places within them, apart."""
    at = np.arange(length)
    return ((number * 31 + at + (at >> 8)) & 255).astype(np.uint8)


class Peer:
    """A program that says JSON in lines, and is told some."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
        )

    def tell(self, value: object = None) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line != "", "it has ended"
        return json.loads(line)

    def ask(self, value: object = None) -> Any:
        self.tell(value)
        return self.hear()

    def end(self) -> None:
        """Waits until it has ended by itself, in good order."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


Start = Callable[..., Peer]


@pytest.fixture
def endpoint() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="pageferry-")
    yield f"{folder}/endpoint"
    shutil.rmtree(folder)


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    started: list[Peer] = []
    yield started
    for peer in started:
        peer.stop()
        for stream in (peer.process.stdin, peer.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture
def node(endpoint: str, peers: list[Peer]) -> Start:
    """Starts a program in Node, which knows `endpoint`, `heard`, `say` and `content`."""

    def start(code: str, *args: object, **options: Any) -> Peer:
        command = [NODE, "--input-type=module", "-e", PRELUDE + code, endpoint, *map(str, args)]
        peers.append(Peer(command, **options))
        return peers[-1]

    return start


@pytest.fixture
def python(endpoint: str, peers: list[Peer]) -> Start:
    """Starts a program in Python, which knows `endpoint` and `say`."""

    def start(code: str, **options: Any) -> Peer:
        prelude = "import json, sys\nendpoint = sys.argv[1]\ndef say(value): print(json.dumps(value), flush=True)\n"
        peers.append(Peer([sys.executable, "-c", prelude + code, endpoint], **options))
        return peers[-1]

    return start
