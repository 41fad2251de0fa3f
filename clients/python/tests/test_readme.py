"""The examples of the README, as they are written there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import NODE, REPOSITORY, Start

README = (Path(__file__).parents[1] / "README.md").read_text()


def example(language: str, needle: str) -> str:
    (found,) = [
        block for block in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if needle in block
    ]
    return str(found)


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked for in a folder of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.path.dirname(endpoint))


def python(code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_node_sends_and_python_receives(environment: None) -> None:
    shared_mmap = f"{REPOSITORY}/packages/shared-mmap/dist/index.js"
    code = example("js", "createSender").replace("@pageferry/shared-mmap", shared_mmap)
    for needle, lines in (("np.frombuffer(message", ["0.0", "1.0", "2.0"]), ("async for", ["8388608"] * 3)):
        receiver = python(example("python", needle))
        subprocess.run([NODE, "--input-type=module", "-e", code], check=True, timeout=60)
        output, _ = receiver.communicate(timeout=60)
        assert output.split() == lines and receiver.returncode == 0


def test_python_sends_and_node_receives(environment: None, node: Start) -> None:
    peer = node("""
      const receiver = await sharedMmap.createReceiver({ endpoint: 'numbers' });
      for await (const delivery of receiver) { say([delivery.byteLength, delivery.bytes[3]]); delivery.release(); }
    """)
    sender = python(example("python", "sender.loan"))
    assert [peer.hear() for _ in range(3)] == [[4_000_000, 0], [4_000_000, 63], [4_000_000, 64]]
    assert sender.wait(60) == 0


def test_a_channel_asks_and_answers(environment: None, node: Start) -> None:
    peer = node("""
      const listener = await sharedMmap.listen({ endpoint: 'filter' });
      const channel = await listener.accept();
      const question = await channel.receive();
      await question.respond(Buffer.from(`${question.byteLength} bytes`));
      question.release();
      const answer = await channel.request(Buffer.alloc(5));
      say(Buffer.from(answer.bytes).toString());
      answer.release();
      await listener.close();
    """)
    asking = python(example("python", "channel.request"))
    assert peer.hear() == "5 bytes"
    assert asking.communicate(timeout=60)[0] == "b'14 bytes'\n" and asking.returncode == 0


def test_values_go_both_ways(environment: None, node: Start) -> None:
    peer = node("""
      const listener = await sharedMmap.listen({ endpoint: 'values', poolBytes: 16 * 2 ** 20 });
      const port = createPort(await listener.accept());
      port.handle('brightness', ({ pixels }) => pixels.reduce((sum, each) => sum + each, 0) / pixels.length);
      const message = await port.receive();
      say([message.value.meta, message.value.pixels.length]);
      message.release();
      say([...(await port.call('double', { pixels: Float32Array.of(1, 2) })).pixels]);
      await listener.close();
    """)
    serving = python(example("python", "port.compose"))
    assert peer.hear() == [{"width": 640, "height": 480}, 640 * 480]
    assert peer.hear() == [2, 4]
    assert serving.communicate(timeout=60)[0] == "7\n" and serving.returncode == 0
