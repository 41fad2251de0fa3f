// Draws a square that moves, and has ffmpeg make a film of it: node encode.mjs FILM
import { spawnPiped } from '@pageferry/vmsplice-napi';

const [WIDTH, HEIGHT, SIDE, FRAMES] = [320, 240, 80, 50];
const RAW = ['-f', 'rawvideo', '-pix_fmt', 'rgba', '-s', `${WIDTH}x${HEIGHT}`, '-r', '25'];
const [, , film = 'square.apng'] = process.argv;

const ffmpeg = await spawnPiped('ffmpeg', ['-loglevel', 'error', '-y', ...RAW, '-i', '-', film], {
  stdout: 'ignore',
});
try {
  for (let number = 0; number < FRAMES; number++) {
    const frame = await ffmpeg.stdin.loan(WIDTH * HEIGHT * 4);
    const { buffer, byteOffset } = frame.bytes;
    const pixels = new Uint32Array(buffer, byteOffset, WIDTH * HEIGHT);
    pixels.fill(0xff_ff_ff_ff); // White: what was in the memory before is undefined.
    for (let row = 0; row < SIDE; row++) {
      const start = (number + row) * WIDTH + number;
      pixels.fill(0xff_00_00_ff, start, start + SIDE); // Red.
    }
    if ((await frame.send()) === 'sent') continue;
    frame.release(); // ffmpeg has ended.
    break;
  }
  await ffmpeg.stdin.close();
  const { code } = await ffmpeg.exited;
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}`);
} finally {
  await ffmpeg.close();
}
