import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { peerPath } from '../children.js';
import { type ChannelWorkload, CONTENT } from '../shared/workload.js';
import { peerWorkload, reportTrial } from './workload-peer.js';

// Sends messages from an ordinary buffer to a child of its own, over one of Node's own channels.
const { channel, messageBytes, count, warmUp, endpoint } = peerWorkload<ChannelWorkload>();
const message = Buffer.alloc(messageBytes, CONTENT);
const sendMany = { stdio: overStdio, socket: overSocket, advanced: overMessages }[channel];
await sendMany();
process.disconnect?.();

/** Measures `write`, which settles when the channel takes more; the child tells when it has all. */
async function measure(
  child: { once(event: 'message', listener: () => void): unknown },
  write: () => Promise<void> | undefined,
): Promise<void> {
  const run = async (messages: number) => {
    const done = new Promise<void>((resolve) => child.once('message', resolve));
    for (let index = 0; index < messages; index++) await write();
    await done;
  };
  await run(warmUp);
  await reportTrial(() => run(count));
}

function writeTo(stream: Writable): () => Promise<void> | undefined {
  return () => (stream.write(message) ? undefined : once(stream, 'drain').then(() => undefined));
}

async function overStdio(): Promise<void> {
  const child = spawn(process.execPath, [peerPath('channel-receiver'), ...process.argv.slice(2)], {
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  await measure(child, writeTo(child.stdin as Writable));
  child.stdin?.end();
  await once(child, 'exit');
}

async function overSocket(): Promise<void> {
  const server = createServer().listen(endpoint);
  await once(server, 'listening');
  const child = fork(peerPath('channel-receiver'), process.argv.slice(2));
  const [[socket]] = await Promise.all([once(server, 'connection'), once(child, 'message')]);
  await measure(child, writeTo(socket as Socket));
  (socket as Socket).end();
  server.close();
  await once(child, 'exit');
}

async function overMessages(): Promise<void> {
  const child = fork(peerPath('channel-receiver'), process.argv.slice(2), {
    serialization: 'advanced',
  });
  await once(child, 'message');
  await measure(child, () => new Promise((resolve) => void child.send(message, () => resolve())));
  child.disconnect();
  await once(child, 'exit');
}
