import { isBuiltin } from 'node:module';
import { PageferryError } from '@pageferry/core';
import {
  BindingLoader,
  type BindingName,
  type BindingPackage,
  type LinuxCalls,
} from '@pageferry/linux';
import { reasonOf } from './optional-package.js';

/** What became of one binding. */
export interface BindingReport {
  /** The binding's name. */
  readonly name: BindingName;
  /** True if it can be used. */
  readonly loads: boolean;
  /** Why not, in one line. */
  readonly reason?: string;
}

const loader = new BindingLoader(importBinding);

/** Names are written out, and within `try`: so bundlers find them, and do without one that is not installed. */
async function importBinding(name: string): Promise<BindingPackage> {
  try {
    if (name === '@pageferry/linux-ffi') return await import('@pageferry/linux-ffi');
    return await import('@pageferry/linux-napi');
  } catch (cause) {
    return Promise.reject(cause);
  }
}

/** Every binding that this Node can have, best first. */
const BINDINGS: readonly BindingName[] = ['napi', 'koffi', 'node-ffi'];

/**
 * Loads a binding.
 *
 * @throws as `BindingLoader.load`.
 */
export async function loadBinding(name: BindingName): Promise<LinuxCalls> {
  if (name === 'node-ffi' && !isBuiltin('node:ffi')) {
    const words = `Node ${process.versions.node} has no node:ffi`;
    throw new PageferryError('BINDING_UNAVAILABLE', words);
  }
  return loader.load(name);
}

/** Loads the best binding there is, and tells about all of them. */
export async function loadBindings(): Promise<{
  readonly calls: LinuxCalls | undefined;
  readonly bindings: readonly BindingReport[];
}> {
  let calls: LinuxCalls | undefined;
  const bindings: BindingReport[] = [];
  for (const name of BINDINGS) {
    try {
      const loaded = await loadBinding(name);
      calls ??= loaded;
      bindings.push({ name, loads: true });
    } catch (error) {
      bindings.push({ name, loads: false, reason: reasonOf(error) });
    }
  }
  return { calls, bindings };
}

/**
 * Loads the best binding there is, and no other.
 *
 * @throws as `BindingLoader.loadFirst`.
 */
export function loadFirstBinding(): Promise<LinuxCalls> {
  return loader.loadFirst(BINDINGS);
}
