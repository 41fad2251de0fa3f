// Pipes a buffer through gzip, and prints what comes out of it: node compress.mjs
import { spawnPiped } from '@pageferry/vmsplice-napi';

const bytes = Buffer.from('over the water, '.repeat(100_000));

const gzip = await spawnPiped('gzip');
try {
  const writing = gzip.stdin.write(bytes).then(() => gzip.stdin.close());
  // Meanwhile: gzip stops reading when nobody takes what it writes.
  for await (const chunk of gzip.stdout) {
    process.stdout.write(chunk.copy());
    chunk.release();
  }
  await writing;
  const { code } = await gzip.exited;
  if (code !== 0) throw new Error(`gzip ended with ${code}`);
} finally {
  await gzip.close();
}
