import type { Transport } from '@pageferry/core';
import { createVmspliceFfi, vmspliceFfi } from '@pageferry/vmsplice-ffi';
import { vmspliceNapi } from '@pageferry/vmsplice-napi';

const BACKENDS: Readonly<Record<string, Transport>> = {
  'vmsplice-napi': vmspliceNapi,
  'vmsplice-ffi (koffi)': vmspliceFfi,
  'vmsplice-ffi (node:ffi)': createVmspliceFfi({ driver: 'node' }),
};

/** The backend with a name. */
export function backendNamed(name: string): Transport {
  const found = BACKENDS[name];
  if (found === undefined) throw new Error(`there is no backend ${name}`);
  return found;
}
