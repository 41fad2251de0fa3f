// Saves what arrives with callbacks: node fs-callback.mjs ENDPOINT FILE
import { closeSync, openSync, write } from 'node:fs';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'arrived'] = process.argv.slice(2);

/**
 * Writes a whole message, then releases it.
 *
 * @param {number} fd
 * @param {import('@pageferry/core').Delivery} delivery
 * @param {(error: Error | null) => void} done
 */
function save(fd, delivery, done, offset = 0) {
  write(fd, delivery.bytes, offset, null, null, (error, byteLength) => {
    const next = offset + byteLength; // One call may write less than it was given.
    if (error === null && next < delivery.byteLength) return save(fd, delivery, done, next);
    delivery.release(); // No thread reads it any more.
    done(error);
  });
}

const receiver = await sharedMmap.createReceiver({ endpoint });
const fd = openSync(path, 'w');
for await (const delivery of receiver) {
  await new Promise((resolve, reject) => {
    save(fd, delivery, (error) => (error === null ? resolve(undefined) : reject(error)));
  });
}
closeSync(fd);
await receiver.close();
