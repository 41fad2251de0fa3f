// Has sha256sum hash what this program writes, without a copy: node digest.mjs
import { spawnPiped } from '@pageferry/vmsplice-napi';

const program = await spawnPiped('sha256sum', [], { stdout: 'inherit' });
for (let block = 0; block < 100; block++) {
  const loan = await program.stdin.loan(1024 * 1024);
  loan.bytes.fill(block);
  if ((await loan.send()) === 'no-receiver') {
    loan.release(); // The program has closed its input: it has read enough, or has ended.
    break;
  }
}
await program.stdin.close(); // The program sees the end of its input.
console.log(await program.exited); // { code: 0, signal: null }
await program.close();
