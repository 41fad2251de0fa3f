/// <reference lib="dom" />
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { frameSums, hasFfmpeg, withoutFfmpeg } from './harness/ffmpeg.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(CHROMIUM);
const withoutChromium = hasChromium ? '' : ' (not here: there is no chromium)';
const PROGRAM = fileURLToPath(new URL('../video/frames.mjs', import.meta.url));
const PICTURE = 'testsrc=size=640x480:rate=25';
const LIMIT = { timeout: 120_000 };

/** Starts the program, and collects the checksums that its second child prints. */
async function start(...film: string[]) {
  const program = spawn(process.execPath, [PROGRAM, ...film], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void program.kill('SIGKILL'));
  const closed = once(program, 'close');
  const complaints = text(program.stderr);
  const sums: string[] = [];
  const port = await new Promise<number>((resolve) => {
    createInterface({ input: program.stdout }).on('line', (line) => {
      const [, sequence, sum = ''] = /^(\d+) ([0-9a-f]{32})$/.exec(line) ?? [];
      if (sequence !== undefined) sums[Number(sequence)] = sum;
      const [, port] = /localhost:(\d+)/.exec(line) ?? [];
      if (port !== undefined) resolve(Number(port));
    });
  });
  return { program, port, sums, closed, complaints };
}

/** Ends the program as Ctrl-C would, and says what it has to say. */
async function end(running: {
  program: ChildProcess;
  closed: Promise<unknown[]>;
  complaints: Promise<string>;
}) {
  running.program.kill('SIGINT');
  const [status] = await running.closed;
  return { status, complaints: await running.complaints };
}

const FINE = { status: 0, complaints: '' };

test.skipIf(!hasFfmpeg)(
  `one process misses no frame of ffmpeg, and what a browser asks another for is the latest${withoutFfmpeg}`,
  LIMIT,
  async () => {
    const running = await start();
    const page = await fetch(`http://localhost:${running.port}/`);
    expect(page.headers.get('content-type')).toBe('text/html');
    expect(await page.text()).toContain('<canvas');

    const seen = new Map<number, string>();
    while (seen.size < 5) {
      const response = await fetch(`http://localhost:${running.port}/frame`);
      const bytes = Buffer.from(await response.arrayBuffer());
      const sequence = Number(response.headers.get('x-frame'));
      seen.set(sequence, createHash('md5').update(bytes).digest('hex'));
    }
    expect(await end(running)).toEqual(FINE);

    const { sums } = running;
    const args = ['-f', 'lavfi', '-i', PICTURE, '-frames:v', `${sums.length}`];
    expect(sums).toEqual(await frameSums(args));
    for (const [sequence, sum] of seen) expect(sum, `frame ${sequence}`).toBe(sums[sequence]);
  },
);

test.skipIf(!hasFfmpeg)(
  `a film has an end, and a client that goes away in the middle holds nothing up${withoutFfmpeg}`,
  LIMIT,
  async () => {
    const film = ['-f', 'lavfi', '-i', `${PICTURE}:duration=2`];
    const running = await start(...film);
    const { body } = await fetch(`http://localhost:${running.port}/frame`);
    await body?.cancel();
    expect(await running.closed).toEqual([0, null]);
    expect(await running.complaints).toBe('');
    expect(running.sums).toEqual(await frameSums(film));
  },
);

test.skipIf(!hasFfmpeg || !hasChromium)(
  `a browser shows the frames of ffmpeg, each as it was${withoutFfmpeg}${withoutChromium}`,
  LIMIT,
  async () => {
    const running = await start();
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu'],
    });
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(`http://localhost:${running.port}/`);

    const shown = new Map<number, string>();
    while (shown.size < 3) {
      await page.waitForFunction(() => document.title.startsWith('Frame '));
      // In one go: the page goes on to the next frame meanwhile.
      const [title, picture] = await page.evaluate(() => {
        const context = document.querySelector('canvas')?.getContext('2d');
        const { data } = context?.getImageData(0, 0, 640, 480) ?? { data: [] };
        return [document.title, btoa(binary(data))] as const;
        function binary(bytes: ArrayLike<number>): string {
          let all = '';
          for (let index = 0; index < bytes.length; index++) {
            all += String.fromCharCode(bytes[index] ?? 0);
          }
          return all;
        }
      });
      const sum = createHash('md5').update(Buffer.from(picture, 'base64')).digest('hex');
      shown.set(Number(title.replace('Frame ', '')), sum);
    }
    expect(complaints).toEqual([]);
    await browser.close();
    expect(await end(running)).toEqual(FINE);
    for (const [sequence, sum] of shown) {
      expect(sum, `frame ${sequence}`).toBe(running.sums[sequence]);
    }
  },
);
