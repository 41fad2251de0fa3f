// The far end, which is slow: node slow-reader.js SOURCE WHERE FORMAT MESSAGES [KEY]. It connects, reads
// nothing before it is told to, works for long on each piece, and says over IPC when it has got as many
// bytes as there are, and the digest of them.
import { createHash, createPublicKey, pbkdf2Sync, verify } from 'node:crypto';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { createGunzip } from 'node:zlib';
import { bytesOf, fillMessage, lengthOf } from './content.js';

const [source = '', where = '', format = '', messages = '', key = ''] = process.argv.slice(2);
const told = once(process, 'message');

/** @returns {Promise<import('node:stream').Readable>} */
async function connect() {
  if (source === 'http') {
    const request = get({ host: 'localhost', port: Number(where) });
    const [response] = await once(request, 'response');
    request.on('error', (error) => response.destroy(error));
    return response;
  }
  if (source === 'net') {
    const server = createServer().listen(where);
    await once(server, 'listening');
    process.send?.({ listening: true });
    const [socket] = await once(server, 'connection');
    server.close();
    return socket;
  }
  const fifo = await open(where, 'r');
  return fifo.createReadStream();
}

/** @param {AsyncIterable<Buffer>} pieces */
async function* slowly(pieces) {
  for await (const piece of pieces) {
    pbkdf2Sync(piece, 'salt', Math.ceil(piece.length / 64), 32, 'sha256'); // Work, not sleep.
    yield piece;
  }
}

/** @param {AsyncIterable<Buffer>} pieces */
async function* withoutLengths(pieces) {
  let rest = Buffer.alloc(0);
  for await (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    let offset = 0;
    while (rest.length - offset >= 4) {
      const end = offset + 4 + rest.readUInt32LE(offset);
      if (end > rest.length) break;
      yield rest.subarray(offset + 4, end);
      offset = end;
    }
    rest = rest.subarray(offset);
  }
  if (rest.length > 0) throw new Error('the last message is not whole');
}

/**
 * The messages whose signatures these are.
 *
 * @param {AsyncIterable<Buffer>} pieces
 */
async function* signed(pieces) {
  const publicKey = createPublicKey({
    key: Buffer.from(key, 'base64'),
    format: 'der',
    type: 'spki',
  });
  let rest = Buffer.alloc(0);
  let number = 0;
  for await (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    for (; rest.length >= 64; rest = rest.subarray(64)) {
      const message = Buffer.alloc(lengthOf(number));
      fillMessage(message, number);
      if (!verify(null, message, publicKey, rest.subarray(0, 64))) {
        throw new Error(`the signature of message ${number} is wrong`);
      }
      number++;
      yield message;
    }
  }
}

/** @param {import('node:stream').Readable} stream */
function messagesOf(stream) {
  if (format === 'gzip') return slowly(stream.pipe(createGunzip()));
  if (format === 'framed') return withoutLengths(slowly(stream));
  if (format === 'signatures') return signed(slowly(stream));
  return slowly(stream);
}

const stream = await connect();
stream.pause();
process.send?.({ connected: true });
await told;
const hash = createHash('sha256');
let failure = '';
try {
  let missing = bytesOf(Number(messages));
  for await (const message of messagesOf(stream)) {
    hash.update(message);
    missing -= message.length;
    if (missing === 0) process.send?.({ complete: true });
  }
} catch (error) {
  failure = String(error);
}
process.send?.({ got: failure || hash.digest('hex') });
process.disconnect();
