// What is uploaded goes to disk, and over one channel to a process that hashes it: node uploads.mjs FOLDER
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { sharedMmap } from '@pageferry/shared-mmap';
import { createStreams } from '@pageferry/streams';

const [, , folder = '.', child] = process.argv;
const [endpoint, socketPath] = [`${folder}/uploads.sock`, `${folder}/http.sock`];

async function hash() {
  createStreams(await sharedMmap.connect({ endpoint })).on('stream', (stream) => {
    const digest = createHash('sha256').setEncoding('hex');
    pipeline(stream, digest, stream).catch((error) => console.log('hashing', error.code));
  });
}

async function serve() {
  const listener = await sharedMmap.listen({ endpoint });
  fork(new URL(import.meta.url), [folder, 'child']);
  const streams = createStreams(await listener.accept());
  const server = createServer((upload, response) => {
    const file = createWriteStream(`${folder}/${basename(upload.url ?? '')}`);
    const both = [pipeline(upload, file), pipeline(upload, streams.open('upload'), response)];
    Promise.all(both).catch(() => server.close(() => rmSync(file.path)));
  }).listen(socketPath);
  const whole = request({ socketPath, path: '/whole', method: 'PUT' });
  console.log(await text((await once(whole.end(Buffer.alloc(1e7, 'whole')), 'response'))[0]));
  const half = request({ socketPath, path: '/half', method: 'PUT' }).on('error', () => undefined);
  half.write(Buffer.alloc(1e6), () => half.destroy()); // It goes away in the middle.
  await once(server, 'close');
  await streams.close().then(() => listener.close());
}

await (child ? hash() : serve());
