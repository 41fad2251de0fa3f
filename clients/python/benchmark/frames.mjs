// Frames of 8 MiB from Node: to Python and to Node through shared memory, and to Python through the pipe of a child's
// stdio. `node frames.mjs [ROUNDS [PYTHON]]`, after `pnpm build`.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sharedMmap } from '../../../packages/shared-mmap/dist/index.js';

const FRAME_BYTES = 8 * 1024 * 1024;
const SHARED_FRAMES = 20_000;
const PIPED_FRAMES = 100;
const WARM_UP = 0.2;
const rounds = Number(process.argv[2] ?? 5);
const python = process.argv[3] ?? 'python3';
const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));

/** Builds the package as it is installed. */
function build() {
  const code = `import build_backend; print(build_backend.build_wheel(${JSON.stringify(folder)}))`;
  const wheel = execFileSync(python, ['-B', '-c', code], {
    cwd: join(here, '..'),
    encoding: 'utf8',
  });
  execFileSync(python, ['-m', 'zipfile', '-e', join(folder, wheel.trim()), join(folder, 'site')]);
}

/**
 * Microseconds a frame, after a warm-up.
 *
 * @param {number} frames
 * @param {() => Promise<unknown>} sendOne
 * @param {() => Promise<unknown>} finish resolves when all have arrived.
 */
async function measure(frames, sendOne, finish) {
  for (let count = 0; count < frames * WARM_UP; count++) await sendOne();
  await finish();
  const begin = process.hrtime.bigint();
  for (let count = 0; count < frames; count++) await sendOne();
  await finish();
  return Number(process.hrtime.bigint() - begin) / 1000 / frames;
}

/**
 * Frames that are filled where they are sent from: what is measured is the hand-off.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
async function shared(command, args) {
  const endpoint = join(folder, 'frames');
  const sender = await sharedMmap.createSender({ endpoint, poolBytes: 8 * FRAME_BYTES });
  const env = { ...process.env, PYTHONPATH: join(folder, 'site') };
  const child = spawn(command, [...args, endpoint], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  const ended = once(child, 'exit');
  await sender.waitForReceivers();
  const sendOne = async () => {
    const loan = await sender.loan(FRAME_BYTES);
    await loan.send();
  };
  const result = await measure(SHARED_FRAMES, sendOne, () => sender.flush());
  await sender.close();
  await ended;
  return result;
}

/** The same frames through the standard input of a child, which tells how many it has read. */
async function piped() {
  const child = spawn(python, [join(here, 'piped.py'), String(FRAME_BYTES)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const frame = Buffer.alloc(FRAME_BYTES, 1);
  let sent = 0;
  let read = 0;
  let arrived = () => {};
  child.stdout.on('data', (/** @type {Buffer} */ bytes) => {
    read += bytes.length;
    arrived();
  });
  const sendOne = async () => {
    sent++;
    if (!child.stdin.write(frame)) await once(child.stdin, 'drain');
  };
  const finish = async () => {
    while (read < sent) {
      await new Promise((resolve) => {
        arrived = () => resolve(undefined);
      });
    }
  };
  const result = await measure(PIPED_FRAMES, sendOne, finish);
  child.stdin.end();
  await ended;
  return result;
}

/** @param {readonly number[]} values */
function range(values, digits = 2) {
  return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
}

try {
  build();
  const results = [];
  for (let round = 0; round < rounds; round++) {
    results.push({
      pipe: await piped(),
      toPython: await shared(python, [join(here, 'receiving.py')]),
      toNode: await shared(process.execPath, [join(here, 'receiving.mjs')]),
    });
  }
  console.log(`frames of ${FRAME_BYTES} bytes, ${rounds} rounds; microseconds a frame`);
  console.log(
    `  pipe of stdio to Python   ${range(
      results.map(({ pipe }) => pipe),
      0,
    )}`,
  );
  console.log(`  pageferry to Python       ${range(results.map(({ toPython }) => toPython))}`);
  console.log(`  pageferry to Node         ${range(results.map(({ toNode }) => toNode))}`);
  const faster = results.map(({ pipe, toPython }) => pipe / toPython);
  const dearer = results.map(({ toPython, toNode }) => toPython / toNode);
  console.log(`to Python ${range(faster, 0)} times as fast as the pipe (at least 20 is wanted)`);
  console.log(
    `a hand-off takes ${range(dearer)} times as long as from Node to Node (2 at most is wanted)`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
