import { endianness } from 'node:os';
import { lackedPermission, lacksNetwork, PageferryError } from '@pageferry/core';
import {
  checkSpareDescriptors,
  type LinuxCalls,
  otherRuntime,
  whyNoAddons,
} from '@pageferry/linux';
import type { Driver } from './drivers/driver.js';
import { KoffiDriver } from './drivers/koffi-driver.js';
import { NodeDriver } from './drivers/node-driver.js';
import { createLinuxCalls } from './linux-ffi-calls.js';

/**
 * Who makes the calls: `koffi`, a package that runs on every supported Node, or `node`, the `node:ffi`
 * of Node 26.9 and later, which is experimental and warns of it.
 */
export type FfiDriverName = 'koffi' | 'node';

/** What {@link loadLinuxCalls} takes. */
export interface LinuxFfiOptions {
  /** `koffi` unless given. */
  readonly driver?: FfiDriverName | undefined;
}

const DRIVERS: Readonly<Record<FfiDriverName, () => Driver>> = {
  koffi: () => new KoffiDriver(),
  node: () => new NodeDriver(),
};

/** Processors whose structures are those that this package lays out. */
const PROCESSORS: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64'];

/** What loading one takes: a package is read file by file, and a library opened. */
const DESCRIPTORS = 4;

/** One for each driver and thread: a module belongs to a thread. */
const loaded = new Map<FfiDriverName, LinuxCalls>();

/**
 * Loads a foreign function interface and returns the system calls through it; the same object every
 * time it is called on one thread with the same driver.
 *
 * @throws `INVALID_ARGUMENT` for a driver that there is not.
 * @throws `BINDING_UNAVAILABLE` if it does not work here; `cause` says why.
 * @throws `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`) if there are no descriptors left to load it with; it
 *   loads once there are.
 */
export function loadLinuxCalls({ driver = 'koffi' }: LinuxFfiOptions = {}): LinuxCalls {
  const known = loaded.get(driver);
  if (known !== undefined) return known;
  if (!Object.hasOwn(DRIVERS, driver)) {
    const names = Object.keys(DRIVERS).join(' or ');
    throw new PageferryError('INVALID_ARGUMENT', `driver must be ${names}, not ${driver}`, {
      argument: 'driver',
    });
  }
  const calls = startDriver(driver, DRIVERS[driver]);
  loaded.set(driver, calls);
  return calls;
}

/**
 * Makes the system calls of a driver, or an error that says why there are none.
 *
 * @throws `BINDING_UNAVAILABLE`, `SYSTEM_CALL_FAILED`.
 */
export function startDriver(name: FfiDriverName, create: () => Driver): LinuxCalls {
  if (process.platform !== 'linux') throw unavailable('it is for Linux', undefined);
  if (!PROCESSORS.includes(process.arch) || endianness() !== 'LE') {
    throw unavailable(`it knows nothing of this processor, ${process.arch}`, undefined);
  }
  const runtime = otherRuntime();
  if (runtime !== undefined) {
    throw unavailable(
      `it waits on the event loop of Node itself, and this is ${runtime}; the addon of @pageferry/linux-napi works there`,
      undefined,
    );
  }
  if (lacksNetwork()) {
    throw unavailable(
      "it waits by a socket of Node's, which --permission does not allow without --allow-net",
      undefined,
    );
  }
  // Node remembers of a package that it could not read it.
  checkSpareDescriptors(DESCRIPTORS);
  try {
    return createLinuxCalls(create());
  } catch (cause) {
    const forbidden = whyNoAddons(cause);
    if (forbidden !== undefined)
      throw unavailable(`${forbidden}, and koffi is one`, undefined, cause);
    if (lackedPermission(cause) === '--allow-ffi') {
      throw unavailable(
        "Node's permission model keeps it from node:ffi (--allow-ffi)",
        undefined,
        cause,
      );
    }
    throw unavailable(`${name} does not load, or not the C library through it`, cause);
  }
}

/** @param told an error whose message belongs to the reason. */
function unavailable(reason: string, told: unknown, cause = told): PageferryError {
  const detail = told instanceof Error ? `: ${told.message.replace(/\.$/, '')}` : '';
  return new PageferryError(
    'BINDING_UNAVAILABLE',
    `@pageferry/linux-ffi cannot be used here, ${reason}${detail}. @pageferry/socket works without it.`,
    { cause },
  );
}
