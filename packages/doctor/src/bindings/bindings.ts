import { isBuiltin } from 'node:module';
import type { LinuxCalls } from '@pageferry/linux';
import { importIfInstalled, reasonOf } from './optional-package.js';

/** A way to make system calls, by the name that `LinuxCalls.binding` has. */
export type BindingName = 'napi' | 'koffi' | 'node-ffi';

/** What became of one binding. */
export interface BindingReport {
  readonly name: BindingName;
  readonly loads: boolean;
  /** Why not, in one line. */
  readonly reason?: string;
}

interface BindingPackage {
  loadLinuxCalls(options?: { readonly driver: string }): LinuxCalls;
}

/** Every binding, best first. */
export const BINDINGS: readonly BindingName[] = ['napi', 'koffi', 'node-ffi'];

/**
 * Loads a binding.
 *
 * @throws what keeps it from loading.
 */
export async function loadBinding(name: BindingName): Promise<LinuxCalls> {
  if (name === 'napi') return (await import('@pageferry/linux-napi')).loadLinuxCalls();
  if (name === 'node-ffi' && !isBuiltin('node:ffi')) {
    throw new Error(`Node ${process.versions.node} has no node:ffi`);
  }
  const binding = (await importIfInstalled('@pageferry/linux-ffi')) as BindingPackage;
  return binding.loadLinuxCalls({ driver: name === 'node-ffi' ? 'node' : name });
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
 * @throws what keeps the best one from loading, if none loads.
 */
export async function loadFirstBinding(): Promise<LinuxCalls> {
  let first: unknown;
  for (const name of BINDINGS) {
    try {
      return await loadBinding(name);
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}
