import type { Delivery } from '@pageferry/core';
import { toReadableStream, toReadableWritablePair, toWritableStream } from '@pageferry/streams';
import { expectNothingLeft, turns, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { content, TRANSPORTS, until, usePlace } from './support/ends.js';

const MIB = 1024 * 1024;
const place = usePlace();

describe.each(TRANSPORTS)('Web Streams over $name', (transport) => {
  expectNothingLeft();

  test('carry much data through a CompressionStream', async () => {
    await using ends = await place.oneWay(transport, { poolBytes: MIB });
    const data = content(3 * MIB);
    const sending = new Blob([data])
      .stream()
      .pipeThrough(new CompressionStream('gzip') as never)
      .pipeTo(toWritableStream(ends.sender) as never);
    const arrived = toReadableStream(ends.receiver).pipeThrough(
      new DecompressionStream('gzip') as never,
    );
    const bytes = Buffer.from(await new Response(arrived as never).arrayBuffer());
    await sending;
    expect(bytes.equals(data)).toBe(true);
    expect([ends.sender.closed, ends.receiver.closed]).toEqual([true, true]);
  });

  test('fill the buffers that a reader brings', async () => {
    await using ends = await place.oneWay(transport);
    await ends.sender.send(Buffer.from('0123456789'));
    const reader = toReadableStream(ends.receiver).getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(4));
    const second = await reader.read(new Uint8Array(100));
    expect([first, second].map(({ value }) => Buffer.from(value as Uint8Array).toString())).toEqual(
      ['0123', '456789'],
    );
    const end = reader.read(new Uint8Array(4));
    await ends.sender.close();
    expect((await end).done).toBe(true);
    expect(ends.receiver.closed).toBe(true);
  });

  test('keep the boundaries of messages in object mode', async () => {
    await using ends = await place.twoWay(transport);
    const writer = toWritableStream(ends.here, { objectMode: true }).getWriter();
    const loan = await ends.here.loan(2);
    loan.bytes.fill(1);
    for (const chunk of ['text', new Uint8Array(0), loan]) void writer.write(chunk);
    const closed = writer.close();
    const lengths: number[] = [];
    for await (const chunk of toReadableStream(ends.there, { objectMode: true }))
      lengths.push(chunk.length);
    expect(lengths).toEqual([4, 0, 2]);
    await closed;
  });

  test('hand out deliveries where nothing is to be copied', async () => {
    await using ends = await place.oneWay(transport);
    await ends.sender.send(Buffer.from('text'));
    const reader = toReadableStream(ends.receiver, { objectMode: true, copy: false }).getReader();
    const { value } = await reader.read();
    expect((value as Delivery).copy().toString()).toBe('text');
    (value as Delivery).release();
    await reader.cancel();
    expect(ends.receiver.stats().deliveriesHeld).toBe(0);
    expect(ends.receiver.closed).toBe(false);
  });

  test('end each direction of a channel for itself, and close it with both', async () => {
    await using ends = await place.twoWay(transport);
    const [here, there] = [toReadableWritablePair(ends.here), toReadableWritablePair(ends.there)];
    const echoing = there.readable.pipeTo(there.writable as never);
    const back = new Blob(['to and fro']).stream().pipeThrough(here as never);
    expect(await new Response(back as never).text()).toBe('to and fro');
    await echoing;
    await until(() => ends.here.closed && ends.there.closed);
  });

  test('tell the other side of a cancel, and of an abort while a write waits', async () => {
    {
      await using ends = await place.twoWay(transport);
      await toReadableStream(ends.here).cancel('enough');
      await expect(toReadableStream(ends.there).getReader().read()).rejects.toThrow(
        withCode('PEER_DIED'),
      );
    }
    await using ends = await place.twoWay(transport, { poolBytes: MIB });
    const writer = toWritableStream(ends.here).getWriter();
    const writing = writer.write(new Uint8Array(8 * MIB));
    writing.catch(() => undefined);
    writer.closed.catch(() => undefined);
    await turns();
    await writer.abort(new Error('given up'));
    await expect(writing).rejects.toThrow();
    const rest = new Response(toReadableStream(ends.there) as never).arrayBuffer();
    await expect(rest).rejects.toThrow();
    expect([ends.here.closed, ends.there.closed]).toEqual([true, true]);
  });

  test('fail where nobody receives any more, and own nothing afterwards', async () => {
    await using ends = await place.twoWay(transport);
    await ends.there.destroy();
    const writer = toWritableStream(ends.here).getWriter();
    writer.closed.catch(() => undefined);
    await until(() => ends.here.closed || ends.here.peek() === undefined);
    const writing = (async () => {
      for (;;) await writer.write('anybody?');
    })();
    await expect(writing).rejects.toThrow(withCode('PEER_DIED'));
    expect(ends.here.closed).toBe(true);
  });
});
