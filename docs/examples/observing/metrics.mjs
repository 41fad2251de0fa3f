// Counts how long messages are and how long things take, for Prometheus and as bars: node metrics.mjs
import { tmpdir } from 'node:os';
import { sharedMmap } from '@pageferry/shared-mmap';

/** @typedef {import('@pageferry/shared-mmap').Histogram} Histogram */

/** A page for Prometheus to read: the counters, and each histogram with the sums that it wants. */
function metricsOf(/** @type {import('@pageferry/shared-mmap').SenderStats} */ stats) {
  const lines = Object.entries(stats)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => `pageferry_${name} ${value}`);
  for (const [name, histogram] of Object.entries(stats.histograms ?? {})) {
    const { bounds, counts, count, sum } = /** @type {Histogram} */ (histogram);
    let below = 0;
    // Without the last bucket: what is too large for its bound is in there, too.
    for (const [bucket, bound] of bounds.slice(0, -1).entries()) {
      below += counts[bucket] ?? 0;
      lines.push(`pageferry_${name}_bucket{le="${bound}"} ${below}`);
    }
    lines.push(`pageferry_${name}_bucket{le="+Inf"} ${count}`);
    lines.push(`pageferry_${name}_sum ${sum}`, `pageferry_${name}_count ${count}`);
  }
  return lines.join('\n');
}

/** A bar for each bucket that has something. */
function barsOf(/** @type {Histogram} */ { bounds, counts }) {
  const most = Math.max(...counts);
  const bar = (/** @type {number} */ count) => '#'.repeat(Math.ceil((40 * count) / most));
  return bounds
    .map((bound, bucket) => ({ bound, count: counts[bucket] ?? 0 }))
    .filter(({ count }) => count > 0)
    .map(({ bound, count }) => `up to ${String(bound).padEnd(10)}${bar(count)} ${count}`)
    .join('\n');
}

const endpoint = `${tmpdir()}/metrics-${process.pid}.sock`;
const sender = await sharedMmap.createSender({ endpoint, histograms: true });
const receiver = await sharedMmap.createReceiver({ endpoint, histograms: true });
await sender.waitForReceivers();
for (let length = 1; length <= 1000; length++) {
  await sender.send(Buffer.alloc(length));
  (await receiver.receive())?.release();
}
console.log(metricsOf(sender.stats())); // In a server: what `/metrics` answers.
const { histograms } = receiver.stats();
if (histograms) console.log(`${barsOf(histograms.receivedBytes)}\n`);
if (histograms) console.log(barsOf(histograms.heldMicroseconds));
await receiver.close();
await sender.close();
