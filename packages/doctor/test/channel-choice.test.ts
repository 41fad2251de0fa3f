import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Channel, Listener, Transport } from '@pageferry/core';
import { connectBest, openBestListener, openBestReceiver } from '@pageferry/doctor';
import { sharedMmap } from '@pageferry/shared-mmap';
import { socketTransport } from '@pageferry/socket';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BACKENDS } from './support/backends.js';
import { fixture } from './support/run.js';

let folder = '';
let endpoint = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pageferry-channel-choice-'));
  endpoint = join(folder, 'ferry');
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** Until the end of the test, a transport has none. */
function takeChannelsFrom({ capabilities }: Transport): void {
  vi.spyOn(capabilities, 'maxChannels', 'get').mockReturnValue(0);
}

describe('the choice of a transport for channels', () => {
  test.runIf(process.platform === 'linux')(
    'takes the first that has them, and says what the others lack',
    async () => {
      takeChannelsFrom(vmspliceNapi);
      const prefer = ['vmsplice-napi', 'shared-mmap'];
      const { listener, name, transport, reasons } = await openBestListener({ endpoint, prefer });
      await using _closing = listener;
      expect(name).toBe('shared-mmap');
      expect(transport).toBe(sharedMmap);
      expect(reasons).toEqual([
        'vmsplice-napi: it has no channels',
        'shared-mmap: sending and receiving without a copy',
      ]);
    },
  );

  test.runIf(process.platform === 'linux')('takes none whose channels do not work', async () => {
    takeChannelsFrom(socketTransport);
    vi.spyOn(sharedMmap, 'listen').mockRejectedValue(new Error('no channels today'));
    const opening = openBestListener({ endpoint, prefer: ['shared-mmap'] });
    await expect(opening).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: 'no backend can be used: shared-mmap: no channels today; socket: it has no channels',
    });
  });

  test('says so if no backend has channels, on either side', async () => {
    for (const { transport } of BACKENDS) takeChannelsFrom(transport);
    const refusal = {
      code: 'NOT_SUPPORTED',
      message: expect.stringMatching(/^no backend can be used: .*socket: it has no channels$/),
    };
    await expect(openBestListener({ endpoint })).rejects.toMatchObject(refusal);
    await expect(connectBest({ endpoint })).rejects.toMatchObject(refusal);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leaves no file and no descriptor behind', async () => {
    const open = async () => {
      const { listener } = await openBestListener({ endpoint });
      const { channel } = await connectBest({ endpoint });
      await channel.close();
      await listener.close();
    };
    await open();
    const before = countDescriptors();
    await open();
    expect(countDescriptors()).toBe(before);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['prefer', { prefer: ['nonsense'] }],
    ['prefer', { prefer: [7] }],
    ['prefer', { prefer: 'shared-mmap' }],
    ['warn', { warn: 'no' }],
    ['poolBytes', { poolBytes: -1 }],
    ['history', { history: 1 }],
  ])('refuses as %s what is wrong in %j', async (argument, wrong) => {
    const refusal = { code: 'INVALID_ARGUMENT', argument };
    const options = { endpoint, ...(wrong as object) };
    await expect(openBestListener(options)).rejects.toMatchObject(refusal);
    await expect(connectBest(options)).rejects.toMatchObject(refusal);
  });

  test('refuses a wait that cannot be', async () => {
    const refusal = { code: 'INVALID_ARGUMENT', argument: 'timeout' };
    await expect(connectBest({ endpoint, timeout: -1 })).rejects.toMatchObject(refusal);
  });
});

describe.each(BACKENDS)('a listener over $backend', ({ backend, transport }) => {
  test('that was opened by preference is found by who knows nothing of it', async () => {
    const { listener, name } = await openBestListener({ endpoint, prefer: [backend] });
    await using closing = listener;
    expect(name).toBe(backend);
    await expectToMeet(closing);
  });

  test('that was opened by name is found, too', async () => {
    await using listener = await transport.listen({ endpoint });
    await expectToMeet(listener);
  });

  test('may come later, in a process of its own', async () => {
    const opening = connectBest({ endpoint });
    const child = fork(fixture('listener.mjs'), [endpoint, backend]);
    const ended = once(child, 'exit');
    const { channel, name } = await opening;
    await using closing = channel;
    expect(name).toBe(backend);
    expect(await ask(closing, 'hello')).toBe('HELLO');
    child.disconnect();
    expect(await ended).toEqual([0, null]);
  });

  test('that has no room ends the search', async () => {
    await using listener = await transport.listen({ endpoint, maxChannels: 1 });
    await using _first = await transport.connect({ endpoint });
    await expect(connectBest({ endpoint })).rejects.toMatchObject({ code: 'PEER_REJECTED' });
    expect(listener.channels).toHaveLength(1);
  });

  test('that says nothing ends the search, and is waited for', async () => {
    const child = fork(fixture('listener.mjs'), [endpoint, backend]);
    const ended = once(child, 'exit');
    try {
      await (await transport.connect({ endpoint })).close(); // The listener is there.
      child.kill('SIGSTOP');
      // Time enough for a backend that cannot hear it to find that out.
      const opening = connectBest({ endpoint, timeout: 4000 });
      await expect(opening).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringMatching(/somebody listens there.*has said nothing$/),
      });
      const patient = connectBest({ endpoint });
      child.kill('SIGCONT');
      const { channel, name } = await patient;
      await using closing = channel;
      expect(name).toBe(backend);
      expect(await ask(closing, 'still there?')).toBe('STILL THERE?');
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  });

  test('is none for receivers, and is as it was', async () => {
    await using listener = await transport.listen({ endpoint });
    const opening = openBestReceiver({ endpoint });
    await expect(opening).rejects.toMatchObject({ code: 'TRANSPORT_MISMATCH' });
    await expectToMeet(listener);
  });

  test.skipIf(backend === 'socket')('is not found with others alone', async () => {
    await using listener = await transport.listen({ endpoint });
    const prefer = BACKENDS.map((each) => each.backend).filter((name) => name !== backend);
    const error = { code: 'TRANSPORT_MISMATCH' };
    await expect(connectBest({ endpoint, prefer })).rejects.toMatchObject(error);
    expect(listener.channels).toHaveLength(0);
    await expectToMeet(listener);
  });

  async function expectToMeet(listener: Listener): Promise<void> {
    const { channel, name, reasons } = await connectBest({ endpoint });
    await using closing = channel;
    expect(name).toBe(backend);
    expect(reasons.at(-1)).toBe(`${backend}: it answers`);
    const asking = ask(closing, 'hello');
    using question = await listener.receive();
    await question?.respond(Buffer.from(`${question.copy()}!`));
    expect(await asking).toBe('hello!');
    expect(listener.channels).toHaveLength(1);
  }
});

describe('whoever waits for a listener over whatever transport', () => {
  test('gives up after one time limit for all attempts', async () => {
    await expect(connectBest({ endpoint, timeout: 5 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining(`nobody listens at ${endpoint}`),
    });
  });

  test('gives up when its signal fires', async () => {
    const controller = new AbortController();
    const opening = connectBest({ endpoint, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(opening).rejects.toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } });
  });

  test('says so if nobody there speaks Pageferry', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await once(server.listen(endpoint), 'listening');
    await expect(connectBest({ endpoint })).rejects.toMatchObject({ code: 'NOT_PAGEFERRY' });
    server.close();
  });

  test.each(BACKENDS)('learns of a $backend sender that it is none', async ({ transport }) => {
    await using sender = await transport.createSender({ endpoint });
    await expect(connectBest({ endpoint })).rejects.toMatchObject({ code: 'TRANSPORT_MISMATCH' });
    // The sender is as it was.
    expect(sender.receivers).toHaveLength(0);
    await using receiver = await transport.createReceiver({ endpoint });
    await sender.waitForReceivers();
    expect(await sender.send(Buffer.from('right'))).toBe('sent');
    using delivery = await receiver.receive();
    expect(delivery?.copy().toString()).toBe('right');
  });
});

async function ask(channel: Channel, question: string): Promise<string> {
  using answer = await channel.request(Buffer.from(question));
  return answer.copy().toString();
}

/** Descriptors that are open; 0 where `/proc` does not tell. */
function countDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}
