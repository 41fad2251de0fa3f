/**
 * Makes the system calls that it is told, and says of each how it was answered, one line a call. Each
 * of them may be its last.
 */
import { writeSync } from 'node:fs';
import type { BindingName } from '@pageferry/linux';
import { loadBinding } from '../bindings/bindings.js';
import { endWithParent } from '../children/end-with-parent.js';
import { makeCall, type SystemCall } from './system-calls.js';

const [binding, ...asked] = endWithParent();
const calls = await loadBinding(binding as BindingName);
writeSync(1, 'ready\n');
for (const call of asked) writeSync(1, `${makeCall(calls, call as SystemCall)}\n`);
