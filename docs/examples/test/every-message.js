// Sends 100,000 messages through each example of docs/keeping-messages.md, over each transport, to a
// far end that is slow, and compares what was sent with what arrived:
// node every-message.js [--messages N] [--transport NAME] [--pattern FILE]
import { parseArgs } from 'node:util';
import { PATTERNS, RIGHT, SENDER } from './harness/patterns.js';
import { runPattern, runSender } from './harness/run-pattern.js';
import { TRANSPORTS } from './harness/transports.js';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    transport: { type: 'string' },
    pattern: { type: 'string' },
  },
});
const messages = Number(values.messages);
const transports = Object.keys(TRANSPORTS).filter(
  (name) => values.transport === undefined || name === values.transport,
);
const patterns = [...PATTERNS, { file: SENDER }].filter(
  ({ file }) => values.pattern === undefined || file.startsWith(values.pattern),
);

/** @type {Record<string, unknown>[]} */
const rows = [];
let wrong = 0;
for (const pattern of patterns) {
  for (const transport of transports) {
    const from = process.hrtime.bigint();
    const run =
      'source' in pattern
        ? await runPattern(pattern, RIGHT, transport, messages)
        : await runSender(new URL(SENDER, RIGHT), transport, messages);
    const equal = run.got.every((digest) => digest === run.sent);
    if (!equal) wrong++;
    const row = {
      example: pattern.file,
      transport,
      messages,
      'far ends': run.got.length,
      'sender waited': 'waits' in run ? run.waits : '',
      seconds: Number((Number(process.hrtime.bigint() - from) / 1e9).toFixed(1)),
      'SHA-256': run.sent.slice(0, 12),
      digests: equal ? 'equal' : 'WRONG',
    };
    rows.push(row);
    process.stderr.write(`${row.example} over ${transport}: ${row.digests}\n`);
  }
}
console.table(rows);
console.log(`${rows.length - wrong} of ${rows.length} equal`);
process.exitCode = wrong === 0 && rows.length > 0 ? 0 : 1;
