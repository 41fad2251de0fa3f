import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';
import { temporaryFolder } from '../../../packages/testkit/dist/index.js';
import {
  COMPILING,
  compile,
  hasCompiler,
  hashOf,
  linesOf,
  nextLines,
  run,
  SOURCE,
  start as startProgram,
  WARNINGS,
  whySkipped,
} from './peer.js';

// Peers in C, built with everything that warns and watches, against real peers in Node.
const MIB = 1024 * 1024;

describe.skipIf(!hasCompiler)(`peers in C${whySkipped}`, () => {
  const folder = temporaryFolder();
  const build = folder.path;
  const peer = join(build, 'peer');

  beforeAll(() => compile('peer', peer), COMPILING);

  const start = (...args: readonly string[]): ChildProcess => startProgram(peer, args);

  const endpointOf = (): string => folder.fresh();

  describe('receive', () => {
    const LENGTHS = [0, 1, 63, 64, 65, 4095, 4096, 4097, 70_000, 3 * MIB];

    test.each([
      ['wait', ['receive', '0', '0', '0']],
      ['wait, and hold many', ['receive', '0', '0', '700']],
      ['wait, with one under way', ['receive', '0', '1', '0']],
      ['drop-newest', ['receive', '1', '0', '0']],
      ['drop-oldest, and hold some', ['receive', '2', '0', '20']],
      ['wait, in a loop of poll(2)', ['poll']],
    ])('every message whole and in order: %s', async (_title, [command = '', ...rest]) => {
      const endpoint = endpointOf();
      await using sender = await sharedMmap.createSender({ endpoint, poolBytes: 16 * MIB });
      const printed = linesOf(start(command, endpoint, ...rest));
      await sender.waitForReceivers();
      const expected: string[] = [];
      const send = async (byteLength: number, tag: number): Promise<void> => {
        const bytes = Buffer.alloc(byteLength, tag + 1);
        expected.push(`${expected.length} ${byteLength} ${tag} ${hashOf(bytes)}`);
        await sender.send(bytes, { tag });
        // Who may miss messages has to have taken this one before the next.
        if (command === 'receive' && rest[0] !== '0' && rest[2] === '0') await sender.flush();
      };
      for (const [tag, byteLength] of LENGTHS.entries()) await send(byteLength, tag);
      for (let tag = 0; tag < 1500; tag++) await send(tag % 100, tag);
      await sender.close();
      const lines = await printed;
      expect(lines.at(-1)).toBe('end');
      const messages = lines.filter((line) => /^\d/.test(line));
      if (rest[0] !== '2') expect(messages).toEqual(expected);
      // Whatever was missed: what came is whole, and in order.
      const places = messages.map((line) => expected.indexOf(line));
      expect(places).not.toContain(-1);
      expect(places).toEqual(places.toSorted((one, other) => one - other));
      if (command === 'receive') {
        expect(lines.at(-2)).toBe(`dropped ${expected.length - messages.length}`);
      }
    });

    /** How the kernel calls what a process does: `S` is asleep, `R` runs, or would if it had a processor. */
    const stateOf = ({ pid }: ChildProcess): string | undefined =>
      /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];

    test.each([
      ['as long as it is worth it', '0'],
      ['not at all', '-1'],
      ['as long as it may', `${1800 * 1e6}`],
    ])('a wait polls %s, then it sleeps, and learns of a death', async (_title, microseconds) => {
      const endpoint = endpointOf();
      await using sender = await sharedMmap.createSender({ endpoint });
      const child = start('receive', endpoint, '0', '0', '0', microseconds);
      const printed = linesOf(child);
      await sender.waitForReceivers();
      for (let round = 0; round < 3; round++) {
        await sender.send(Buffer.from('look'));
        await sender.flush();
        await expect.poll(() => stateOf(child), { timeout: 15_000 }).toBe('S');
      }
      await sender.destroy();
      const lines = await printed;
      expect(lines.slice(-2)).toEqual(['dropped 0', 'error: the other side ended without closing']);
      expect(lines.filter((line) => /^\d/.test(line))).toHaveLength(3);
    });

    test('who cannot tell of an unanswered question for want of room sleeps until there is some', async () => {
      const endpoint = endpointOf();
      await using listener = await sharedMmap.listen({ endpoint });
      const child = start('unanswered', endpoint);
      const next = nextLines(child);
      await using channel = await listener.accept();
      const answer = channel.request(Buffer.from('anybody?'));
      const refused = expect(answer).rejects.toMatchObject({ code: 'REQUEST_UNANSWERED' });
      // Nothing comes back before it has said that it waits.
      expect(await next()).toBe('waits');
      await expect.poll(() => stateOf(child), { timeout: 15_000 }).toBe('S');
      for (let held = channel.tryReceive(); held; held = channel.tryReceive()) held.release();
      await refused;
      await channel.close();
      expect(await next()).toBe('end');
    });

    test('messages with memory of their own, when the pool is broken up', async () => {
      const endpoint = endpointOf();
      await using sender = await sharedMmap.createSender({ endpoint, poolBytes: MIB });
      const printed = linesOf(start('receive', endpoint, '0', '0', '0'));
      await sender.waitForReceivers();
      const small = Array.from({ length: 16 }, () => sender.tryLoan(64 * 1024 - 4096));
      for (const [index, loan] of small.entries()) if (index % 2 === 0) loan?.release();
      const bytes = Buffer.alloc(300_000, 7);
      for (let count = 0; count < 20; count++) await sender.send(bytes);
      for (const loan of small) loan?.release();
      await sender.close();
      const lines = await printed;
      expect(lines.slice(0, -2)).toEqual(
        Array.from({ length: 20 }, (_, index) => `${index} 300000 0 ${hashOf(bytes)}`),
      );
    });

    test('what was sent before the death of the sender, and then its death', async () => {
      const endpoint = endpointOf();
      const sender = await sharedMmap.createSender({ endpoint });
      const child = start('receive', endpoint, '0', '0', '0');
      const printed = linesOf(child);
      await sender.waitForReceivers();
      await sender.send(Buffer.from('last'));
      await sender.destroy();
      expect(await printed).toEqual([
        `0 4 0 ${hashOf(Buffer.from('last'))}`,
        'dropped 0',
        'error: the other side ended without closing',
      ]);
    });

    test('a refusal as an error that says why', async () => {
      const endpoint = endpointOf();
      await using _listener = await sharedMmap.listen({ endpoint });
      const lines = await linesOf(start('receive', endpoint, '0', '0', '0'));
      expect(lines).toEqual(['error: the other side uses another mechanism']);
    });

    test('and a receiver that is killed is gone for the sender', async () => {
      const endpoint = endpointOf();
      await using sender = await sharedMmap.createSender({ endpoint });
      const child = start('receive', endpoint, '0', '0', '1000');
      await sender.waitForReceivers();
      for (let count = 0; count < 100; count++) await sender.send(Buffer.from([count]));
      const left = new Promise((resolve) => sender.on('leave', resolve));
      child.kill('SIGKILL');
      await left;
      expect(sender.receivers).toEqual([]);
      await sender.flush();
      expect(sender.stats().bytesOut).toBe(0);
    });
  });

  describe('over a channel', () => {
    async function connected(...args: readonly string[]) {
      const [command = '', ...rest] = args;
      const endpoint = endpointOf();
      const listener = await sharedMmap.listen({ endpoint, poolBytes: 16 * MIB });
      onTestFinished(() => listener.destroy());
      const child = start(command, endpoint, ...rest);
      const printed = linesOf(child);
      return { listener, channel: await listener.accept(), child, printed };
    }

    test('answer questions of any length, one after the other and many at once', async () => {
      const { listener, channel, printed } = await connected('serve');
      for (const byteLength of [0, 1, 64, 4096, 70_000, 3 * MIB]) {
        using answer = await channel.request(Buffer.alloc(byteLength, 41));
        expect(answer.byteLength).toBe(byteLength);
        expect(answer.bytes.every((byte) => byte === 42)).toBe(true);
      }
      const asked = Array.from({ length: 900 }, (_, tag) =>
        channel.request(Buffer.alloc(100, tag), { tag: tag + 10 }),
      );
      const answers = await Promise.all(asked);
      for (const [index, answer] of answers.entries()) {
        expect([answer.tag, answer.bytes[99]]).toEqual([index + 10, (index + 1) & 0xff]);
      }
      for (const answer of answers.toReversed()) answer.release();
      expect(channel.stats()).toMatchObject({ requestsOpen: 0, deliveriesHeld: 0 });
      await listener.close();
      expect(await printed).toEqual(['end']);
    });

    test('reject them, and release them unanswered', async () => {
      const { listener, channel, printed } = await connected('serve');
      await expect(channel.request(Buffer.from('?'), { tag: 1 })).rejects.toMatchObject({
        code: 'REQUEST_FAILED',
        cause: { name: 'Error', message: 'not "this"\n' },
      });
      for (let count = 0; count < 2000; count++) {
        await expect(channel.request(Buffer.from('?'), { tag: 2 })).rejects.toMatchObject({
          code: 'REQUEST_UNANSWERED',
        });
      }
      await channel.send(Buffer.from([1, 2]));
      using message = await channel.receive();
      expect([...(message?.bytes ?? [])]).toEqual([2, 3]);
      await listener.close();
      expect(await printed).toEqual(['end']);
    });

    test('ask, and keep the messages that come before an answer', async () => {
      const { channel, printed } = await connected('ask', '5000', '300');
      let number = 0;
      for await (using message of channel) {
        expect(message.isRequest).toBe(true);
        if (number === 3) await channel.send(Buffer.from('between'));
        if (number === 5) await message.reject(new Error('no'));
        else if (number !== 6) await message.respond(message.bytes, { tag: message.tag });
        number++;
      }
      expect(number).toBe(5000);
      const lines = await printed;
      expect(lines.slice(-2)).toEqual(['message 7', 'done']);
      for (const [index, line] of lines.slice(0, 5000).entries()) {
        const [, result, tag, byteLength, hash] = line.split(' ');
        if (index === 5) expect(result).toBe('-11');
        else if (index === 6) expect([result, byteLength]).toEqual(['-10', '0']);
        else {
          const bytes = Buffer.alloc(300, index);
          expect([result, tag, byteLength, hash]).toEqual(['0', `${index}`, '300', hashOf(bytes)]);
        }
      }
    });

    test('see the death of the other side, as that sees theirs', async () => {
      const first = await connected('serve');
      await first.channel.destroy();
      expect(await first.printed).toEqual(['error: the other side ended without closing']);
      const second = await connected('serve');
      second.child.kill('SIGKILL');
      await expect(second.channel.receive()).rejects.toMatchObject({ code: 'PEER_DIED' });
    });
  });

  test('the example brightens frames', async () => {
    await run('make', [`BUILD=${build}/make`, `${build}/make/brighten`], { cwd: SOURCE });
    const endpoint = endpointOf();
    const listener = await sharedMmap.listen({ endpoint });
    const filter = spawn(join(build, 'make/brighten'), [endpoint, '50'], { stdio: 'inherit' });
    const ended = once(filter, 'close');
    const channel = await listener.accept();
    using brighter = await channel.request(Buffer.from([0, 100, 250]));
    expect([...brighter.bytes]).toEqual([50, 150, 255]);
    brighter.release();
    await listener.close();
    expect(await ended).toEqual([0, null]);
  });

  test('the example of the README receives', async () => {
    const readme = readFileSync(join(SOURCE, 'README.md'), 'utf8');
    const [, block = ''] = /```c\n(.*?)```/s.exec(readme) ?? [];
    expect(block).toContain('pf_receiver_open');
    const endpoint = endpointOf();
    const program = join(build, 'readme');
    const main = [
      '#include <pageferry.h>',
      '#include <stdio.h>',
      'static void use(const void *data, size_t length) { fwrite(data, 1, length, stdout); }',
      `int main(void) {\n${block.replace('/run/user/1000/frames', endpoint)}\nreturn result == PF_END ? 0 : 1; }`,
    ];
    writeFileSync(`${program}.c`, main.join('\n'));
    const files = [`${program}.c`, join(SOURCE, 'pageferry.c')];
    await run('gcc', ['-std=c11', ...WARNINGS, '-I', SOURCE, ...files, '-o', program]);
    await using sender = await sharedMmap.createSender({ endpoint });
    const child = spawn(program, { stdio: ['ignore', 'pipe', 'inherit'] });
    const printed = text(child.stdout);
    await sender.waitForReceivers();
    await sender.send(Buffer.from('from Node'));
    await sender.close();
    expect(await printed).toBe('from Node');
  });
});
