import { describeLinuxCalls } from '@pageferry/conformance/linux-calls';
import { describe } from 'vitest';
import { loadLinuxCalls } from './fixtures/node-binding.mjs';
import { NODE_FFI_IS_HERE } from './support/node-ffi.js';

describe.runIf(NODE_FFI_IS_HERE)('on a Node with node:ffi', () => {
  if (!NODE_FFI_IS_HERE) return;
  describeLinuxCalls({
    name: '@pageferry/linux-ffi, node:ffi',
    load: loadLinuxCalls,
    moduleUrl: new URL('./fixtures/node-binding.mjs', import.meta.url).href,
    collectsMappings: false,
  });
});
