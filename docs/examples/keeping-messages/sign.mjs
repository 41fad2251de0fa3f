// Hashes what arrives, signs each message, and saves the signatures: node sign.mjs ENDPOINT FILE
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { open } from 'node:fs/promises';
import { sharedMmap } from '@pageferry/shared-mmap';

const [endpoint = 'ferry', path = 'signatures'] = process.argv.slice(2);

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
console.log(publicKey.export({ format: 'der', type: 'spki' }).toString('base64'));

const receiver = await sharedMmap.createReceiver({ endpoint });
const file = await open(path, 'w');
const hash = createHash('sha256');
for await (const delivery of receiver) {
  hash.update(delivery.bytes); // Reads it before it returns.

  const signature = await new Promise((resolve, reject) => {
    sign(null, delivery.bytes, privateKey, (error, result) => {
      delivery.release(); // No thread reads it any more.
      if (error === null) resolve(result);
      else reject(error);
    });
  });
  await file.appendFile(signature);
}
console.log(hash.digest('hex'));
await file.close();
await receiver.close();
