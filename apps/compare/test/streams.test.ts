import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SendingSide } from '../dist/channels/channel.js';
import { streamSender } from '../dist/channels/streams.js';
import type { Task } from '../dist/trials/task.js';

describe('a stream whose receiver hangs up', () => {
  let folder = '';
  let near: Socket;
  let far: Socket;
  let side: SendingSide;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pageferry-streams-'));
    const path = join(folder, 'socket');
    const server = createServer().listen(path);
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    far = connect(path);
    [near] = (await accepted) as [Socket];
    server.close();
    side = streamSender({ payloadBytes: 100_000 } as Task, [near], undefined, {});
  });
  afterEach(() => {
    near.destroy();
    far.destroy();
    rmSync(folder, { recursive: true });
  });

  test('fails the sending side in the middle of its messages', async () => {
    const sending = side.send(1000, () => undefined);
    await once(far, 'readable');
    far.destroy();
    await expect(sending).rejects.toThrow(/EPIPE|ECONNRESET/);
    await side.close();
  });

  test('is no error of the process before the sending side has ended', async () => {
    // Nobody waits for the socket to take this one.
    await side.send(1, () => undefined);
    far.destroy();
    await new Promise((resolve) => near.once('close', resolve));
    await side.close();
    await expect(side.send(1, () => undefined)).rejects.toThrow(/EPIPE|ECONNRESET/);
  });
});
