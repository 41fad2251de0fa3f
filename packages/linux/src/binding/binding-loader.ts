import { invalidArgument, isPageferryError, PageferryError } from '@pageferry/core';
import type { LinuxCalls } from '../calls/linux-calls.js';
import { checkSpareDescriptors } from '../resources/spare-descriptors.js';

/** Who makes the system calls, by the name that `LinuxCalls.binding` has. */
export type BindingName = 'napi' | 'koffi' | 'node-ffi';

/**
 * Who makes the system calls, for a user who chooses: the native addon (`@pageferry/linux-napi`), FFI without any compiled
 * code of ours (`@pageferry/linux-ffi`, to be installed beside the package that is used), or calls of your own.
 */
export type Binding = 'napi' | 'ffi' | LinuxCalls;

/** What a package exports that makes system calls. */
export interface BindingPackage {
  /** The system calls. Throws `BINDING_UNAVAILABLE` where it does not load. */
  loadLinuxCalls(options?: { readonly driver: 'koffi' | 'node' }): LinuxCalls;
}

const FFI = '@pageferry/linux-ffi';

/** Where each binding is, and what to tell its package. */
const BINDINGS = {
  napi: ['@pageferry/linux-napi'],
  koffi: [FFI, { driver: 'koffi' }],
  'node-ffi': [FFI, { driver: 'node' }],
} as const satisfies Record<
  BindingName,
  readonly [string, ...Parameters<BindingPackage['loadLinuxCalls']>]
>;

/** What Node may take at once to read the modules of a package. */
const DESCRIPTORS = 40;

/** Loads bindings when they are first needed: whoever chooses one need not have another. */
export class BindingLoader {
  readonly #import: (packageName: string) => Promise<BindingPackage>;
  readonly #loaded: Map<string, BindingPackage>;

  /**
   * @param importPackage imports the package of that name, in a module of the caller's: a name is looked up from
   *   where the import is, and it is the caller's package that declares the binding.
   * @param loaded packages that the caller has imported already, by their names.
   */
  constructor(
    importPackage: (packageName: string) => Promise<BindingPackage>,
    loaded: Readonly<Record<string, BindingPackage>> = {},
  ) {
    this.#import = importPackage;
    this.#loaded = new Map(Object.entries(loaded));
  }

  /**
   * Loads a binding.
   *
   * @throws `BINDING_UNAVAILABLE` with the reason in `cause`, `SYSTEM_CALL_FAILED` (`EMFILE`, `ENFILE`) without
   *   the descriptors for it; it loads once there are.
   */
  async load(name: BindingName): Promise<LinuxCalls> {
    const [packageName, options] = BINDINGS[name];
    const loaded = this.#loaded.get(packageName) ?? (await this.#importAnew(packageName));
    return loaded.loadLinuxCalls(options);
  }

  /**
   * Loads the first of several bindings that can be had here.
   *
   * @throws as {@link load}: what keeps the first one from loading, if none loads.
   */
  async loadFirst(names: readonly BindingName[]): Promise<LinuxCalls> {
    let first: unknown;
    for (const name of names) {
      try {
        return await this.load(name);
      } catch (error) {
        // A lack of descriptors passes, and would keep others from loading, too.
        if (!isPageferryError(error, 'BINDING_UNAVAILABLE')) throw error;
        first ??= error;
      }
    }
    throw first;
  }

  /**
   * Loads what a user has chosen. By default it is the addon, or FFI where the addon does not load and FFI is installed.
   *
   * @param needed a call that those of the user's own must have, at least.
   * @throws `INVALID_ARGUMENT` for anything else, and as {@link load}.
   */
  async loadChosen(binding: Binding | undefined, needed: keyof LinuxCalls): Promise<LinuxCalls> {
    if (binding === undefined) return this.loadFirst(['napi', 'koffi']);
    if (binding === 'napi') return this.load('napi');
    if (binding === 'ffi') return this.load('koffi');
    if (typeof binding?.[needed] === 'function') return binding;
    throw invalidArgument('binding', binding, "'napi', 'ffi', or an implementation of LinuxCalls");
  }

  async #importAnew(packageName: string): Promise<BindingPackage> {
    // Node 20 remembers of a module that it could not read it: better not to try.
    checkSpareDescriptors(DESCRIPTORS);
    try {
      const imported = await this.#import(packageName);
      this.#loaded.set(packageName, imported);
      return imported;
    } catch (cause) {
      checkSpareDescriptors(1, cause);
      const words = `${packageName} cannot be loaded: is it installed?`;
      throw new PageferryError('BINDING_UNAVAILABLE', words, { cause });
    }
  }
}
