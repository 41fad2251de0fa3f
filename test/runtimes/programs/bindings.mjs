// Loads every binding, and opens a sender over every backend that needs one. Prints what became of each.

import { loadLinuxCalls as loadFfi } from '@pageferry/linux-ffi';
import { loadLinuxCalls as loadNapi } from '@pageferry/linux-napi';
import { sharedMmap } from '@pageferry/shared-mmap';
import { vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

const [endpoint] = process.argv.slice(2);
const open = async (transport) => {
  const sender = await transport.createSender({ endpoint });
  await sender.close();
};
const attempts = {
  napi: loadNapi,
  koffi: () => loadFfi(),
  'node-ffi': () => loadFfi({ driver: 'node' }),
  'shared-mmap': () => open(sharedMmap),
  'vmsplice-napi': () => open(vmspliceNapi),
  'vmsplice-ffi': () => open(vmspliceFfi),
};
const outcomes = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    outcomes[name] = 'works';
  } catch ({ code, message }) {
    outcomes[name] = `${code}: ${message}`;
  }
}
console.log(JSON.stringify(outcomes));
