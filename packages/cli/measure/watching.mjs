// What `tap` and `top` cost a sender at full rate: `pnpm --filter @pageferry/cli measure:watching`. The sender sends to one
// receiver, as fast as it goes, and is watched by nobody, by a tap and by a top in turn. What it costs is the sender's own
// processor time for each message; how many messages a second there are depends on free processors besides, because
// whoever watches needs one, too.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sharedMmap } from '@pageferry/shared-mmap';

const COMMAND = fileURLToPath(new URL('../dist/command/main.js', import.meta.url));
const WATCHERS = /** @type {const} */ ({ nobody: undefined, tap: ['tap'], top: ['top'] });
/** How long a watcher has to begin, and how long is measured, in milliseconds. */
const BEGIN = 1500;
const MEASURED = 3000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: '64' },
    receive: { type: 'string' },
  },
});

if (values.receive === undefined) await measure(Number(values.rounds), Number(values.size));
else await receive(values.receive);

/** @param {string} endpoint */
async function receive(endpoint) {
  const receiver = await sharedMmap.createReceiver({ endpoint });
  for (;;) {
    const messages = await receiver.receiveMany(64);
    if (messages.length === 0) break;
    for (const message of messages) message.release();
  }
  await receiver.close();
}

/**
 * @param {number} rounds
 * @param {number} size
 */
async function measure(rounds, size) {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-watching-'));
  const endpoint = join(folder, 'full-rate');
  const sender = await sharedMmap.createSender({ endpoint });
  const receiver = fork(fileURLToPath(import.meta.url), ['--receive', endpoint]);
  await sender.waitForReceivers();
  await sendFor(sender, size, BEGIN); // V8 compiles the loop meanwhile.
  /** @type {Record<string, { cost: number, rate: number }[]>} */
  const found = { nobody: [], tap: [], top: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [who, args] of Object.entries(WATCHERS)) {
      const watcher =
        args && spawn(process.execPath, [COMMAND, ...args, endpoint], { stdio: 'ignore' });
      const over = watcher && once(watcher, 'close');
      await sendFor(sender, size, BEGIN);
      found[who]?.push(await sendFor(sender, size, MEASURED));
      watcher?.kill();
      // The sender goes on meanwhile: it has to let the watcher leave.
      await over;
    }
  }
  await sender.close();
  await once(receiver, 'close');
  rmSync(folder, { recursive: true });
  const { nobody = [] } = found;
  process.stdout.write(`messages of ${size} bytes, ${rounds} rounds; lowest, median and highest\n`);
  for (const [who, all] of Object.entries(found)) {
    const ratios = all.map(({ cost }, round) => cost / (nobody[round]?.cost ?? Number.NaN));
    const costs = all.map(({ cost }) => cost);
    const rates = all.map(({ rate }) => rate);
    process.stdout.write(
      `${who.padEnd(7)} ${spread(costs, 0)} ns of the sender's processor time a message, ` +
        `${spread(ratios, 3)} times that of the same round without, ${spread(rates, 0)} messages/s\n`,
    );
  }
}

/**
 * Sends as fast as it goes.
 *
 * @param {import('@pageferry/shared-mmap').SharedMmapSender} sender
 * @param {number} size
 * @param {number} milliseconds
 */
async function sendFor(sender, size, milliseconds) {
  const began = performance.now();
  const before = process.cpuUsage();
  const { messagesSent } = sender.stats();
  while (performance.now() - began < milliseconds) {
    for (let message = 0; message < 1000; message++) {
      const loan = sender.tryLoan(size) ?? (await sender.loan(size));
      if (loan.trySend() !== 'sent') await loan.send();
    }
    await null;
  }
  const { user, system } = process.cpuUsage(before);
  const count = sender.stats().messagesSent - messagesSent;
  const seconds = (performance.now() - began) / 1000;
  return { cost: ((user + system) * 1000) / count, rate: count / seconds };
}

/**
 * @param {readonly number[]} values
 * @param {number} digits
 */
function spread(values, digits) {
  const sorted = [...values].sort((one, other) => one - other);
  const picked = [0, Math.floor(sorted.length / 2), sorted.length - 1];
  return picked.map((at) => sorted[at]?.toFixed(digits)).join('/');
}
