/**
 * `@pageferry/linux-ffi`: {@link LinuxCalls} through a foreign function interface, with nothing to
 * compile. koffi makes the calls, or Node itself where it can.
 *
 * @packageDocumentation
 */
export { type FfiDriverName, type LinuxFfiOptions, loadLinuxCalls } from './load-linux-calls.js';
