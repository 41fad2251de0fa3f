// Receives what somebody sends who is killed: `witness.mjs <endpoint>`. Prints what has come, and the code of the error.
import { unlinkSync } from 'node:fs';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint] = process.argv.slice(2);
const receiver = await sharedMmap.createReceiver({ endpoint });
let received = 0;
try {
  for await (const { bytes } of receiver) if (bytes.every((byte) => byte === received)) received++;
  console.log(JSON.stringify({ received, code: 'none' }));
} catch ({ code }) {
  console.log(JSON.stringify({ received, code }));
} finally {
  await receiver.close();
  // Who is killed leaves it.
  unlinkSync(endpoint);
}
