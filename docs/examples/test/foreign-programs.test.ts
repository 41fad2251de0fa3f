import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { frameSums, hasFfmpeg, withoutFfmpeg } from './harness/ffmpeg.js';

const PAGE = new URL('../../../packages/vmsplice-napi/README.md', import.meta.url);
const EXAMPLES = new URL('../foreign-programs/', import.meta.url);

const pathOf = (name: string) => fileURLToPath(new URL(name, EXAMPLES));

test('the page shows the examples as they are tested', () => {
  const page = readFileSync(PAGE, 'utf8');
  for (const name of readdirSync(EXAMPLES)) {
    // One is only linked: not everybody has ffmpeg.
    if (name === 'encode.mjs')
      expect(page).toContain('/docs/examples/foreign-programs/encode.mjs)');
    else
      expect(page).toContain(`\`\`\`js\n${readFileSync(new URL(name, EXAMPLES), 'utf8')}\`\`\`\n`);
  }
});

test('what a buffer becomes in gzip comes back', { timeout: 60_000 }, async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [pathOf('compress.mjs')], {
    encoding: 'buffer',
  });
  expect(stderr.toString()).toBe('');
  expect(stdout.length).toBeLessThan(100_000);
  expect(gunzipSync(stdout).toString()).toBe('over the water, '.repeat(100_000));
});

test('sha256sum hashes what is written into loans', { timeout: 60_000 }, async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [pathOf('digest.mjs')]);
  const hash = createHash('sha256');
  for (let block = 0; block < 100; block++) hash.update(Buffer.alloc(1024 * 1024, block));
  expect(stderr).toBe('');
  expect(stdout).toBe(`${hash.digest('hex')}  -\n{ code: 0, signal: null }\n`);
});

describe.skipIf(!hasFfmpeg)(`ffmpeg${withoutFfmpeg}`, () => {
  test('makes a film of the frames that are drawn', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pf-encode-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const film = join(folder, 'square.apng'); // Of a kind that loses nothing.
    const output = await promisify(execFile)(process.execPath, [pathOf('encode.mjs'), film]);
    expect(output).toEqual({ stdout: '', stderr: '' });
    const sums = await frameSums(['-i', film]);
    expect(sums).toEqual(Array.from({ length: 50 }, (_, number) => sumOf(drawn(number))));
  });

  test('that cannot make one has the program fail', { timeout: 60_000 }, async () => {
    const program = promisify(execFile)(process.execPath, [
      pathOf('encode.mjs'),
      '/dev/null/x.mp4',
    ]);
    await expect(program).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('ffmpeg ended with '),
    });
  });
});

/** Frame `number` of the film: a red square on white, which goes down and to the right. */
function drawn(number: number): Uint8Array {
  const frame = Buffer.alloc(320 * 240 * 4, 255);
  for (let y = number; y < number + 80; y++) {
    for (let x = number; x < number + 80; x++) frame.set([255, 0, 0, 255], (y * 320 + x) * 4);
  }
  return frame;
}

function sumOf(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
