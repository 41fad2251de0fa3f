// Frames from ffmpeg: a browser sees the latest, and a second process misses none: node frames.mjs [-i FILM]
import { fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { sharedMmap } from '@pageferry/shared-mmap';
import { loanFrom } from '@pageferry/streams';

const [WIDTH, HEIGHT] = [640, 480]; // page.html knows them, too.
const TEST_PICTURE = ['-f', 'lavfi', '-i', `testsrc=size=${WIDTH}x${HEIGHT}:rate=25`];
const RAW = ['-vf', `scale=${WIDTH}:${HEIGHT}`, '-pix_fmt', 'rgba', '-f', 'rawvideo', '-'];

/** @param {string[]} film what ffmpeg reads, as its own arguments. */
async function play(film) {
  const endpoint = `${tmpdir()}/frames-${process.pid}.sock`;
  const sender = await sharedMmap.createSender({ endpoint });
  for (const role of ['show', 'check']) fork(new URL(import.meta.url), [role, endpoint]);
  await sender.waitForReceivers(2);
  const ffmpeg = spawn('ffmpeg', ['-loglevel', 'error', '-re', ...film, ...RAW], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // Ctrl-C is for this process alone.
  });
  process.once('SIGINT', () => ffmpeg.kill()); // It ends with a whole frame.
  for (;;) {
    const frame = await loanFrom(sender, ffmpeg.stdout, WIDTH * HEIGHT * 4);
    if (frame === undefined) break; // The end of the film.
    if ((await frame.send()) === 'sent') continue;
    frame.release(); // Both have left.
    ffmpeg.kill();
    break;
  }
  await sender.close();
}

/** Serves the latest frame to whoever asks, and drops those that nobody asks for. */
async function show(/** @type {string} */ endpoint) {
  const receiver = await sharedMmap.createReceiver({
    endpoint,
    whenBehind: 'drop-oldest',
    queueDepth: 1,
  });
  let latest = await receiver.receive();
  const server = createServer((request, response) => {
    if (request.url !== '/frame' || latest === undefined) {
      response.setHeader('content-type', 'text/html');
      createReadStream(new URL('page.html', import.meta.url)).pipe(response);
      return;
    }
    const frame = latest.retain(); // The socket may read it long after the next one has come.
    request.socket.once('close', () => frame.release());
    response.writeHead(200, { connection: 'close', 'x-frame': frame.sequence }).end(frame.bytes);
  });
  server.listen(0, 'localhost', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    console.log(`http://localhost:${port}/`);
  });
  for await (const frame of receiver) {
    latest?.release();
    latest = frame;
  }
  server.close();
  server.closeAllConnections();
  await receiver.close();
}

/** Prints a checksum of each frame, as `ffmpeg -f framemd5` does. */
async function check(/** @type {string} */ endpoint) {
  const receiver = await sharedMmap.createReceiver({ endpoint });
  for await (const frame of receiver) {
    console.log(frame.sequence, createHash('md5').update(frame.bytes).digest('hex'));
    frame.release();
  }
  await receiver.close();
}

const [role = '', endpoint = ''] = process.argv.slice(2);
if (role === 'show') await show(endpoint);
else if (role === 'check') await check(endpoint);
else await play(role === '' ? TEST_PICTURE : process.argv.slice(2));
