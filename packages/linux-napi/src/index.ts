/**
 * `@pageferry/linux-napi`: {@link LinuxCalls} as a Node-API addon, one small native function per
 * system call.
 *
 * @packageDocumentation
 */
export { loadLinuxCalls } from './load-linux-calls.js';
export type { LinuxNapiAddon } from './native.js';
