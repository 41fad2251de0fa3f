import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Inspection } from '@pageferry/core';
import { sharedMmap } from '@pageferry/shared-mmap';
import { expectNothingLeft, temporaryFolder } from '@pageferry/testkit';
import { describe, expect, test, vi } from 'vitest';
import { History } from '../dist/look/history.js';
import type { Look } from '../dist/look/look.js';
import { sparkline } from '../dist/text/format.js';
import { View } from '../dist/top/view.js';
import { COMMAND, Running } from './support/run.js';

vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();
const hasScript = spawnSync('script', ['--version']).status === 0;
const OPEN = '\u001b[?1049h';
const CLOSE = '\u001b[?1049l';
const CLEAR = '\u001b[2J';

describe('pageferry top', () => {
  expectNothingLeft();

  test('prints lines where no terminal is, and ends in order on Ctrl-C', async () => {
    const endpoint = folder.fresh();
    await using _ = await sharedMmap.createSender({ endpoint });
    const top = new Running(['top', endpoint, '--interval', '20']);
    expect(await top.line()).toMatch(/^NAME +TRANSPORT/);
    for (let look = 0; look < 3; look++) {
      const line = (await top.line()) as string;
      expect(line).toContain(' shared-mmap send     0      0');
      expect(line.length).toBeLessThanOrEqual(80);
    }
    top.kill('SIGINT');
    expect(await top.ended()).toEqual({ status: 0, stderr: '' });
  });

  test('prints looks as JSON, as many as are asked for', async () => {
    const endpoint = folder.fresh();
    await using _ = await sharedMmap.createSender({ endpoint });
    const top = new Running(['top', endpoint, '--interval', '20', '--count', '2', '--json']);
    for (let look = 0; look < 2; look++) {
      expect(JSON.parse((await top.line()) as string)).toMatchObject([
        { name: endpoint, state: 'open', messagesPerSecond: 0, peerCount: 0 },
      ]);
    }
    expect(await top.line()).toBeUndefined();
    expect((await top.ended()).status).toBe(0);
  });

  test('ends when nobody reads its output any more', async () => {
    const endpoint = folder.fresh();
    await using _ = await sharedMmap.createSender({ endpoint });
    const top = new Running(['top', endpoint, '--interval', '20']);
    await top.line();
    top.stopReading();
    expect((await top.ended()).status).toBe(141);
  });

  describe.skipIf(!hasScript)(`on a terminal${hasScript ? '' : ' (script(1) is missing)'}`, () => {
    test('shows all of it without emptying the screen, and gives the terminal back', async () => {
      const runtimeFolder = folder.fresh();
      mkdirSync(join(runtimeFolder, 'pageferry'), { recursive: true, mode: 0o700 });
      const endpoint = join(runtimeFolder, 'pageferry', 'frames');
      await using sender = await sharedMmap.createSender({ endpoint });
      await using slow = await sharedMmap.createReceiver({ endpoint });
      for (let message = 0; message < 5; message++) await sender.send(Buffer.alloc(1000));
      const terminal = new Terminal(['top', '--interval', '20'], runtimeFolder);
      await terminal.shows((text) => text.includes('> frames') && text.includes('▁▁▁'));
      expect(terminal.text).toContain(OPEN);
      // Who is behind, and by how much.
      expect(terminal.text).toMatch(new RegExp(`0 +${process.pid} +5 +4\\.9 KiB`));
      terminal.press('s');
      await terminal.shows((text) => text.includes('by rate'));
      terminal.press(' ');
      await terminal.shows((text) => text.includes('stopped'));
      terminal.press('q');
      expect(await terminal.status()).toBe(0);
      expect(terminal.text.split(CLEAR).length).toBe(2);
      expect(terminal.text).toContain(CLOSE);
      // Every line fits: none is wrapped to the next.
      const drawn = terminal.text.slice(terminal.text.indexOf(OPEN), terminal.text.indexOf(CLOSE));
      for (const line of drawn.split('\r\n')) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences of a terminal.
        for (const part of line.split(/\u001b\[[\d?;]*[A-Za-z]/))
          expect(part.length).toBeLessThanOrEqual(80);
      }
      (await slow.receive())?.release();
    });

    test('ends on Ctrl-C as on q', async () => {
      const terminal = new Terminal(['top', '--interval', '20'], folder.fresh());
      await terminal.shows((text) => text.includes('0 open'));
      terminal.press('\u0003');
      expect(await terminal.status()).toBe(0);
      expect(terminal.text).toContain(CLOSE);
    });
  });
});

describe('what top shows', () => {
  const look = (name: string, rate: number, behind: number): Look => ({
    name,
    state: 'open',
    transport: 'shared-mmap',
    side: 'sender',
    pid: 1,
    messagesPerSecond: rate,
    bytesPerSecond: rate * 10,
    report: {
      counters: { messagesSent: 1, bytesSent: 1, loansHeld: 0, bytesOut: 5, sharedBytes: 0 },
      waitsFor: behind > 0 ? ['no room for 1 MiB: receiver 0 (pid 77): 9 messages'] : [],
      peerCount: 1,
      peers: [{ id: 0, pid: 77, messagesBehind: behind, bytesBehind: behind * 10 }],
    } as unknown as Inspection,
  });

  test('is sorted by the next column with each s, and has the chosen one below', () => {
    const view = new View(new History());
    expect(view.lines(80, 24)).toEqual(['pageferry top: looking …', expect.anything()]);
    view.update([look('b', 5, 0), look('c', 1, 9), look('a', 3, 2)]);
    const names = () =>
      view
        .lines(80, 24)
        .slice(2, 5)
        .map((line) => line.slice(2, 3));
    expect(names()).toEqual(['a', 'b', 'c']);
    view.press('s');
    expect(names()).toEqual(['b', 'a', 'c']);
    view.press('s');
    expect(names()).toEqual(['c', 'a', 'b']);
    const lines = view.lines(80, 24);
    expect(lines[2]).toMatch(/^> c/);
    expect(lines.slice(6).join('\n')).toMatch(
      /^c, shared-mmap: 1 messages sent, 5 B out\n {2}waits: no room.*\n.*PID.*\n +0 +77 +9 +90 B/,
    );
    view.press('down');
    expect(view.lines(80, 24)[3]).toMatch(/^> a/);
    view.press('up');
    view.press('up');
    expect(view.lines(80, 24)[2]).toMatch(/^> c/);
    view.press('space');
    view.update([]);
    expect(names()).toEqual(['c', 'a', 'b']);
    expect(view.press('q')).toBe(false);
  });

  test('fits the screen, however much there is', () => {
    const view = new View(new History());
    view.update(
      Array.from({ length: 100 }, (_, index) => look(`endpoint-${index}-of-many`, index, index)),
    );
    for (let move = 0; move < 50; move++) view.press('down');
    for (const [columns, rows] of [
      [80, 24],
      [40, 10],
      [200, 5],
    ] as const) {
      const lines = view.lines(columns, rows);
      expect(lines.length).toBeLessThanOrEqual(rows);
      expect(lines.some((line) => line.startsWith('>'))).toBe(true);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  test('has the history of rates as bars', () => {
    expect(sparkline([0, 1, 2, 4, 8])).toBe('▁▁▂▄█');
    expect(sparkline([0, 0])).toBe('▁▁');
    expect(sparkline([])).toBe('');
  });
});

/** A command on a terminal of its own, which script(1) makes. */
class Terminal {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown[]>;
  text = '';

  constructor(args: readonly string[], runtimeFolder: string) {
    const { NO_COLOR, FORCE_COLOR, ...inherited } = process.env;
    const env = { ...inherited, TERM: 'xterm-256color', XDG_RUNTIME_DIR: runtimeFolder };
    const command = `stty cols 80 rows 24; '${process.execPath}' '${COMMAND}' ${args.join(' ')}`;
    this.#child = spawn('script', ['-qec', command, '/dev/null'], { env, stdio: 'pipe' });
    this.#closed = once(this.#child, 'close');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
  }

  press(key: string): void {
    this.#child.stdin?.write(key);
  }

  /** Waits until it has shown something. */
  async shows(what: (text: string) => boolean): Promise<void> {
    while (!what(this.text)) await once(this.#child.stdout as NodeJS.EventEmitter, 'data');
  }

  async status(): Promise<number> {
    return (await this.#closed)[0] as number;
  }
}
