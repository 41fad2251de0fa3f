// A child reads record batches of Arrow in the memory that its parent wrote them into: node batches.mjs
import { fork } from 'node:child_process';
import { tmpdir } from 'node:os';
import { sharedMmap } from '@pageferry/shared-mmap';
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow';

const [, , inherited] = process.argv;
const endpoint = inherited ?? `${tmpdir()}/batches-${process.pid}.sock`;
const NOTHING = new Uint8Array(0);

/** @returns {Float64Array} the numbers of a message, where they lie: Arrow copies none of them. */
const readings = (/** @type {Uint8Array} */ bytes) =>
  tableFromIPC(bytes).getChild('reading')?.data[0]?.values;

async function read() {
  const channel = await sharedMmap.connect({ endpoint });
  let batch;
  /** @type {Float64Array} */
  let numbers = new Float64Array(0);
  for await (const message of channel) {
    if (message.byteLength > 0) {
      batch?.release(); // From here on its numbers must not be read.
      [batch, numbers] = [message, readings(message.bytes)];
    }
    console.log(
      numbers.length,
      'rows, sum',
      numbers.reduce((sum, number) => sum + number),
    );
    await message.respond(NOTHING);
    if (message !== batch) message.release();
  }
  await channel.close(); // Releases the last one, too.
}

async function write() {
  const listener = await sharedMmap.listen({ endpoint });
  fork(new URL(import.meta.url), [endpoint]);
  const channel = await listener.accept();
  let own;
  for (let number = 1; number <= 3; number++) {
    const batch = tableToIPC(tableFromArrays({ reading: new Float64Array(1e6).fill(number) }));
    const loan = await channel.loan(batch.byteLength);
    loan.bytes.set(batch);
    own = readings(loan.bytes);
    (await channel.request(loan)).release();
  }
  // What was sent is to be left alone. Here it shows that the child reads this very memory.
  if (own !== undefined) own[0] = 45;
  (await channel.request(NOTHING)).release();
  await listener.close();
}

await (inherited ? read() : write());
