import type { SystemCall } from '../capabilities/system-calls.js';
import type { HopName } from '../probes/probe.js';
import type { BackendPackage } from './import-backend.js';

/** What the doctor has to know of a backend. A new one is a new entry in {@link BACKENDS}. */
export interface BackendEntry {
  /** The backend's name: `Transport.name`. */
  readonly name: string;
  /** The package that has it. Missing is not an error. `undefined`: it comes with the doctor. */
  readonly packageName: BackendPackage | undefined;
  /** The export of that package which is the `Transport`. */
  readonly exportName: string;
  /** Without these hops it does not work at all. */
  readonly needs?: readonly HopName[];
  /** Calls that it makes. One that is refused need not harm it, but none of them may kill. */
  readonly calls?: readonly SystemCall[];
  /** Sending goes without a copy where this hop references. Never, where it is not given. */
  readonly sendHop?: HopName;
  /** Receiving goes without a copy where this hop references. Never, where it is not given. */
  readonly receiveHop?: HopName;
  /** True if payload goes through a pipe, which then has to be a large one. */
  readonly usesPipes?: true;
  /** True if it works on other systems than Linux. */
  readonly anySystem?: true;
}

/** The backend that is left where no other is: it needs nothing but Node. */
export const FALLBACK: BackendEntry = {
  name: 'socket',
  packageName: undefined,
  exportName: 'socketTransport',
  anySystem: true,
};

/** The control memory that a sender and a receiver share is a memfd. */
const CONTROL_MEMORY: readonly HopName[] = ['mmap-memfd'];

/** The pipe transport tries each of them, and goes another way where one is refused. */
const PIPE_CALLS: readonly SystemCall[] = ['vmsplice', 'splice', 'tee'];

/** Every backend, in the order of preference. */
export const BACKENDS: readonly BackendEntry[] = [
  {
    name: 'shared-mmap',
    packageName: '@pageferry/shared-mmap',
    exportName: 'sharedMmap',
    needs: CONTROL_MEMORY,
    sendHop: 'mmap-memfd',
    receiveHop: 'mmap-memfd',
  },
  {
    name: 'vmsplice-napi',
    packageName: '@pageferry/vmsplice-napi',
    exportName: 'vmspliceNapi',
    needs: CONTROL_MEMORY,
    calls: PIPE_CALLS,
    sendHop: 'vmsplice',
    usesPipes: true,
  },
  {
    name: 'vmsplice-ffi',
    packageName: '@pageferry/vmsplice-ffi',
    exportName: 'vmspliceFfi',
    needs: CONTROL_MEMORY,
    calls: PIPE_CALLS,
    sendHop: 'vmsplice',
    usesPipes: true,
  },
  FALLBACK,
];

/** The entry of that name. */
export function backendNamed(name: string): BackendEntry | undefined {
  return BACKENDS.find((entry) => entry.name === name);
}
