import { once as event } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { answer } from '../dist/answer.js';
import type { BackendChoice } from '../dist/backends.js';
import { WITH_CHANNELS } from './channels.js';
import {
  type Demo,
  demo,
  demoWithout,
  demoWithoutChannels,
  type Ended,
  inFolder,
  left,
  MAIN,
  start,
} from './cli.js';

const SIGNALS = [
  { signal: 'SIGINT', status: 130 },
  { signal: 'SIGTERM', status: 143 },
] as const;

/** A listener that has bound its endpoint. */
async function listening(...args: string[]): Promise<Demo> {
  const listener = demo('ask', '--listen', ...args);
  await listener.said('Answering at');
  return listener;
}

/** Ends a listener as people do. */
async function interrupted(listener: Demo): Promise<Ended> {
  listener.process.kill('SIGINT');
  return listener.ended;
}

/** Asks some lines, and then ends stdin. */
function asking(lines: readonly string[], ...args: string[]): Demo {
  const asker = demo('ask', ...args);
  asker.process.stdin.end(lines.map((line) => `${line}\n`).join(''));
  return asker;
}

const linesOf = (stdout: Buffer): string[] => stdout.toString().split('\n').slice(0, -1);

/** Ended with one line that gives the code. */
function expectError({ code, stderr }: Ended, reason: string) {
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^demo ask: ${reason}: .*$`, 'm'));
  expect(stderr).not.toMatch(/^ +at /m);
}

describe.each(WITH_CHANNELS)('demo ask over $backend', ({ backend, zeroCopy }) => {
  const over = ['--backend', backend];

  it('prints the answer to each line, how long it took, and what was not copied', async () => {
    const listener = await listening(...over);
    const lines = ['hello', '', 'grüße, 世界'];
    const asker = asking(lines, ...over);
    const { code, stdout, stderr } = await asker.ended;
    expect(code).toBe(0);
    const { pid } = listener.process;
    const answers = lines.map(
      (line, index) => `${line.toUpperCase()} (answer ${index + 1} of process ${pid})`,
    );
    expect(linesOf(stdout)).toEqual(answers);
    const bytes = lines.map((line, index) => Buffer.byteLength(line + answers[index]));
    const copied = zeroCopy ? 'all $ bytes without a copy' : '0 of $ bytes without a copy (each ';
    for (const count of bytes) {
      expect(stderr).toMatch(/^ {2}[\d.]+ µs, /m);
      expect(stderr).toContain(`µs, ${copied.replace('$', `${count}`)}`);
    }
    const sum = bytes.reduce((one, other) => one + other);
    expect(stderr).toMatch(/^Asked 3 questions: [\d.]+ µs each \(median\), /m);
    expect(stderr).toContain(`(median), ${copied.replace('$', `${sum}`)}`);

    const answered = await interrupted(listener);
    expect(answered.stderr).toMatch(/^Answered 3 questions of 1 process$/m);
    expect(answered.stderr).toMatch(/ has left$/m);
    expect(linesOf(answered.stdout).map((line) => line.replace(/^[^:]*: /, ''))).toEqual(lines);
    expect(left()).toEqual([]);
  });

  it('meets a listener that starts later', async () => {
    const asker = asking(['early'], ...over);
    await asker.said('Waiting for a listener');
    const listener = await listening(...over, '--once');
    expect((await asker.ended).stdout.toString()).toContain('EARLY (answer 1 ');
    expect(await listener.ended).toMatchObject({ code: 0 });
  });

  it('finds out by itself what its listener uses', async () => {
    const listener = await listening(...over, '--once');
    const { code, stderr } = await asking(['hello']).ended;
    expect(code).toBe(0);
    // The binding does not matter to the other side: the asker takes its own best one.
    expect(stderr).toMatch(
      new RegExp(`^Asking .* over ${backend.replace(/-(napi|ffi)$/, '')}`, 'm'),
    );
    expect(await listener.ended).toMatchObject({ code: 0 });
  });

  it('takes the endpoint that it is given', async () => {
    const meeting = [...over, '--endpoint', inFolder('here')];
    const listener = await listening(...meeting, '--once');
    expect(left()).toEqual(['here']);
    expect(await asking(['hello'], ...meeting).ended).toMatchObject({ code: 0 });
    expect(await listener.ended).toMatchObject({ code: 0 });
  });

  it('answers several at once, each its own questions in their order', async () => {
    const listener = await listening(...over);
    const names = ['a', 'b', 'c'];
    const questions = (name: string) => Array.from({ length: 40 }, (_, index) => `${name}${index}`);
    const askers = names.map((name) => asking(questions(name), ...over));
    const counts: number[] = [];
    for (const [index, { ended }] of askers.entries()) {
      const { code, stdout } = await ended;
      expect(code).toBe(0);
      const answers = linesOf(stdout).map((line) => /^(\S+) \(answer (\d+) of/.exec(line) ?? []);
      const own = questions(`${names[index]}`).map((question) => question.toUpperCase());
      expect(answers.map(([, said]) => said)).toEqual(own);
      counts.push(...answers.map(([, , count]) => Number(count)));
    }
    // No number was given twice.
    expect(counts.toSorted((one, other) => one - other)).toEqual(
      Array.from({ length: 120 }, (_, index) => index + 1),
    );
    const { stderr } = await interrupted(listener);
    expect(stderr).toMatch(/^Answered 120 questions of 3 processes$/m);
  });

  it('asks every line of many that come at once', async () => {
    const listener = await listening(...over, '--once');
    const lines = Array.from({ length: 3000 }, (_, index) => `line ${index}`);
    const { code, stdout } = await asking(lines, ...over).ended;
    expect(code).toBe(0);
    const { pid } = listener.process;
    expect(linesOf(stdout)).toEqual(
      lines.map((line, index) => `${line.toUpperCase()} (answer ${index + 1} of process ${pid})`),
    );
    expect(await listener.ended).toMatchObject({ code: 0 });
  });

  it('lets nobody play with the terminal of the other side', async () => {
    const listener = await listening(...over, '--once');
    const { stdout } = await asking(['\u001b[2Jred\u0007\tline'], ...over).ended;
    expect(stdout.toString()).toMatch(/^\ufffd\[2JRED\ufffd\tLINE \(/);
    expect((await listener.ended).stdout.toString()).toMatch(/: \ufffd\[2Jred\ufffd\tline\n$/);
  });

  it.each(SIGNALS)('ends with $signal, and has left', async ({ signal, status }) => {
    const listener = await listening(...over);
    const asker = demo('ask', ...over);
    asker.process.stdin.write('a line\npart of a line');
    await asker.said(' µs, ');
    asker.process.kill(signal);
    expect(await asker.ended).toMatchObject({ code: status });
    await listener.said('has left');
    expect((await interrupted(listener)).stderr).toMatch(/^Answered 1 question of 1 process$/m);
  });

  it.each(SIGNALS)('ends when its listener does with $signal', async ({ signal, status }) => {
    const listener = await listening(...over);
    const asker = demo('ask', ...over);
    await asker.said('Asking');
    listener.process.kill(signal);
    const { code, stderr } = await listener.ended;
    expect(code).toBe(status);
    expect(stderr).toMatch(/^Answered 0 questions of 1 process$/m);
    expectError(await asker.ended, 'PEER_LEFT');
    expect(left()).toEqual([]);
  });

  it.each(SIGNALS)('ends a wait with $signal', async ({ signal, status }) => {
    const asker = demo('ask', ...over, '--endpoint', inFolder('nobody'));
    const listener = await listening(...over);
    await asker.said('Waiting for a listener');
    for (const each of [asker, listener]) {
      each.process.kill(signal);
      expect(await each.ended).toMatchObject({ code: status });
    }
    expect(left()).toEqual([]);
  });

  it('ends though it was interrupted before it could listen', async () => {
    const opening = { backend: backend as BackendChoice, endpoint: inFolder('here') };
    const silent = { note() {}, start() {}, moved() {}, stop() {} };
    const interrupted = AbortSignal.abort(new Error('enough'));
    await expect(answer(opening, silent, interrupted)).rejects.toThrow('enough');
    expect(left()).toEqual([]);
  });

  it('says so when its listener dies while nothing is asked', async () => {
    const listener = await listening(...over);
    const asker = demo('ask', ...over);
    await asker.said('Asking');
    listener.process.kill('SIGKILL');
    expectError(await asker.ended, 'PEER_DIED');
  });

  it('says so when its listener dies over a question', async () => {
    const listener = await listening(...over);
    const asker = demo('ask', ...over);
    await asker.said('Asking');
    listener.process.kill('SIGSTOP');
    asker.process.stdin.end('hello\n');
    listener.process.kill('SIGKILL');
    const ended = await asker.ended;
    expectError(ended, 'PEER_DIED');
    expect(ended.stdout.toString()).toBe('');
  });

  it('leaves its listener to others when it dies', async () => {
    const listener = await listening(...over);
    const asker = demo('ask', ...over);
    asker.process.stdin.write('hello\n');
    await asker.said(' µs, ');
    asker.process.kill('SIGKILL');
    await listener.said(' has died');
    expect((await asking(['next'], ...over).ended).stdout.toString()).toMatch(/^NEXT \(answer 2 /);
    expect((await interrupted(listener)).stderr).toMatch(/^Answered 2 questions of 2 processes$/m);
  });

  it('compares what is echoed', async () => {
    const listener = await listening(...over, '--echo', '--once');
    const { code, stdout, stderr } = await demo('ask', ...over, '--times', '50').ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^Asked 50 questions: .*\b6400 bytes/m);
    const answered = await listener.ended;
    expect(answered).toMatchObject({ code: 0 });
    expect(answered.stderr).toMatch(/^Answered 50 questions of 1 process$/m);
    expect(answered.stdout.toString()).toBe('');
  });

  it('does not take just any answer for an echo', async () => {
    const listener = await listening(...over, '--once');
    expectError(await demo('ask', ...over, '--times', '50').ended, 'ANSWER_DIFFERS');
    expect(await listener.ended).toMatchObject({ code: 0 });
  });

  it('ends quietly when nobody reads its answers', async () => {
    const listener = await listening(...over, '--once');
    const asker = demo('ask', ...over);
    asker.process.stdout.destroy();
    asker.process.stdin.write('hello\n');
    const { code, stderr } = await asker.ended;
    expect(code).toBe(141);
    expect(stderr).not.toContain('EPIPE');
    await listener.ended;
  });

  it('waits no longer than it is told', async () => {
    expectError(await demo('ask', ...over, '--timeout', '0.01').ended, 'TIMEOUT');
  });

  it('finds that there is a listener already', async () => {
    const listener = await listening(...over);
    expectError(await demo('ask', '--listen', ...over).ended, 'ENDPOINT_IN_USE');
    expect((await interrupted(listener)).code).toBe(130);
  });

  it('finds that a sender is no listener', async () => {
    writeFileSync(inFolder('in'), 'hello');
    const sender = demo('send', ...over, inFolder('in'));
    await sender.said('Waiting for a receiver');
    expectError(await demo('ask', ...over).ended, 'TRANSPORT_MISMATCH');
    expectError(await demo('ask').ended, 'TRANSPORT_MISMATCH');
    expect((await demo('receive', ...over, '--out', '-').ended).stdout.toString()).toBe('hello');
    expect(await sender.ended).toMatchObject({ code: 0 });
  });

  it('finds that something else is at the endpoint', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await event(server.listen(inFolder('web')), 'listening');
    expectError(await demo('ask', ...over, '--endpoint', inFolder('web')).ended, 'NOT_PAGEFERRY');
    server.close();
  });

  it.skipIf(process.platform !== 'linux')('prompts on a terminal', async ({ skip }) => {
    if ((await start({}, 'script', '--version').ended).code !== 0) skip('there is no script(1)');
    const listener = await listening(...over);
    const command = `stty -echo; '${process.execPath}' '${MAIN}' ask --backend ${backend}`;
    const terminal = start({ TERM: 'xterm' }, 'script', '-qec', command, '/dev/null');
    await terminal.wrote('> ');
    terminal.process.stdin.write('hello\n');
    await terminal.wrote('without a copy');
    terminal.process.stdin.write('\u0004'); // Ctrl-D
    const { code, stdout } = await terminal.ended;
    expect(code).toBe(0);
    const text = stdout.toString().replaceAll('\r', '');
    expect(text).toMatch(
      /^> HELLO \(answer 1 of process \d+\)\n {2}[\d.]+ µs, .*\n> \nAsked 1 question: [^(]* without a copy.*\n$/m,
    );
    await interrupted(listener);
  });
});

describe('demo ask', () => {
  it('meets without being told a backend', async () => {
    const asker = asking(['hello']);
    await asker.said('over what it chooses');
    const listener = await listening('--once');
    const { code, stdout } = await asker.ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(/^HELLO /);
    const { stderr } = await listener.ended;
    expect(stderr).toMatch(/^Answering at .*, over \S+$/m);
    expect(stderr).toMatch(/^[a-z-]+: .*without a copy$/m); // Why that one.
    expect(left()).toEqual([]);
  });

  it('is not supported by a backend without channels', async () => {
    for (const side of [[], ['--listen']]) {
      const { ended } = demoWithoutChannels('ask', ...side, '--backend', 'socket');
      expectError(await ended, 'NOT_SUPPORTED');
    }
  });

  it.skipIf(process.platform !== 'linux')('goes on without the best backend', async () => {
    const listener = demoWithout('shared-mmap', 'ask', '--listen');
    await listener.said('shared-mmap: out of order');
    const { code, stdout } = await asking(['hello']).ended;
    expect(code).toBe(0);
    expect(stdout.toString()).toMatch(/^HELLO /);
    await interrupted(listener);
  });

  it.skipIf(process.platform !== 'linux')('reads no lines from a folder', async () => {
    mkdirSync(inFolder('folder'));
    const command = '"$0" "$1" ask < "$2"';
    const args = [process.execPath, MAIN, inFolder('folder')];
    expectError(await start({}, 'sh', '-c', command, ...args).ended, 'EISDIR');
  });

  it.each([
    ['times', ['--listen', '--times', '3']],
    ['timeout', ['--listen', '--timeout', '3']],
    ['echo', ['--echo']],
    ['once', ['--once']],
    ['no number of times', ['--times', '0']],
    ['a word', ['word']],
  ])('exits with 2 for %s where it makes no sense', async (_, args) => {
    const { code, stdout, stderr } = await demo('ask', ...args).ended;
    expect(code).toBe(2);
    expect(stdout.toString()).toBe('');
    expect(stderr).toMatch(/^error: .+\n(.+\n)?\(see --help\)\n$/);
  });
});
