import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import {
  type ChannelStream,
  createStreams,
  pipeTo,
  toDuplex,
  toReadable,
} from '@pageferry/streams';
import { Child, expectNothingLeft, withCode } from '@pageferry/testkit';
import { describe, expect, test } from 'vitest';
import { TRANSPORTS, until, usePlace } from './support/ends.js';

const PROGRAM = new URL('./programs/uploader.mjs', import.meta.url);
const MIB = 1024 * 1024;
const place = usePlace();

describe.each(TRANSPORTS)('a pipeline over $name from another process', (transport) => {
  expectNothingLeft();

  test.each(['toReadable', 'toDuplex', 'pipeTo', 'createStreams'] as const)(
    'fails with PEER_DIED when that is killed in the middle: %s',
    async (way) => {
      const endpoint = place.fresh();
      await using listener = await transport.listen({ endpoint });
      const shared = way === 'createStreams' ? 'shared' : 'plain';
      await using child = new Child(PROGRAM, [transport.name, endpoint, shared]);
      const channel = await listener.accept();
      let count = 0;
      const counting = new Writable({
        write(chunk: Uint8Array, _encoding, done) {
          count += chunk.length;
          setImmediate(done);
        },
      });
      const gzip = createGzip({ level: 1 });
      const file = createWriteStream('/dev/null');
      const receiving = (async () => {
        if (way === 'pipeTo') return await pipeTo(channel, counting);
        gzip.on('data', (chunk: Buffer) => {
          count += chunk.length;
        });
        if (way === 'toReadable') return await pipeline(toReadable(channel), gzip, file);
        if (way === 'toDuplex') return await pipeline(toDuplex(channel), gzip, file);
        const [stream] = (await once(createStreams(channel), 'stream')) as [ChannelStream];
        return await pipeline(stream, gzip, file);
      })();
      const failed = expect(receiving).rejects.toThrow(withCode('PEER_DIED'));
      await until(() => count > 10_000);
      await child.end('SIGKILL');
      await failed;
      await until(() => channel.closed);
      expect(way === 'pipeTo' ? counting.destroyed : file.destroyed).toBe(true);
      expect(channel.stats()).toMatchObject({ deliveriesHeld: 0, loansHeld: 0 });
      file.destroy();
      await until(() => file.closed);
    },
  );

  test.each(['plain', 'shared'])('fails there when this side gives up: %s', async (way) => {
    const endpoint = place.fresh();
    await using listener = await transport.listen({ endpoint, poolBytes: MIB });
    await using child = new Child(PROGRAM, [transport.name, endpoint, way]);
    const channel = await listener.accept();
    if (way === 'plain') {
      for await (const _ of toReadable(channel)) break;
    } else {
      const streams = createStreams(channel);
      const [stream] = (await once(streams, 'stream')) as [ChannelStream];
      stream.on('error', () => undefined).destroy(new Error('no room'));
    }
    expect(await child.message()).toBe(way === 'plain' ? 'PEER_DIED' : 'STREAM_RESET');
  });
});

test('what a consumer of one stream throws is uncaught, and the other streams go on', async () => {
  await using child = new Child(new URL('./programs/throwing.mjs', import.meta.url), [
    place.fresh(),
  ]);
  expect(await child.message()).toBe('uncaught: thrown by a consumer');
  expect(await child.message()).toBe('read: everything');
  expect(await child.exit).toBe(0);
});
