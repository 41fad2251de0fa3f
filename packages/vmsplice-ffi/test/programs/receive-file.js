/** Receives into a file: `node receive-file.js <endpoint> <file>`. */
import { open } from 'node:fs/promises';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';

const [, , endpoint = '', path = ''] = process.argv;
const file = await open(path, 'w');
const receiver = await vmspliceFfi.createReceiver({ endpoint });
while ((await receiver.spliceTo(file)) !== undefined);
await receiver.close();
await file.close();
