import { createHash } from 'node:crypto';
import { connect } from 'node:net';

// Reads and forgets what comes over a Unix or a TCP socket, into one buffer that is used again.
const [address = '', verify] = process.argv.slice(2);
const hash = verify ? createHash('sha256') : undefined;
const onread = {
  buffer: Buffer.alloc(256 * 1024),
  callback(length: number, buffer: Uint8Array) {
    hash?.update(buffer.subarray(0, length));
    return true;
  },
};
const place = /^\d+$/.test(address)
  ? { port: Number(address), host: '127.0.0.1' }
  : { path: address };
connect({ ...place, onread }).once('end', () => {
  process.send?.(hash?.digest('hex') ?? '', () => process.disconnect?.());
});
process.once('disconnect', () => process.exit());
