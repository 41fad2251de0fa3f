import type { LinuxCalls } from '@pageferry/linux';

/**
 * What `linux_napi.node` exports: a function per method of {@link LinuxCalls}, none of which looks at
 * `this`. The export table is `native/module.cc`.
 *
 * Unlike a failed call, an argument of the wrong JavaScript type throws a `TypeError`
 * (`ERR_INVALID_ARG_TYPE`), and nothing is done.
 */
export interface LinuxNapiAddon extends LinuxCalls {
  readonly binding: 'napi';
}
