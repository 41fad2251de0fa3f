/**
 * `@pageferry/conformance/linux-calls`: the suite that every binding of `LinuxCalls` passes. Needs
 * vitest.
 *
 * @packageDocumentation
 */
export { describeLinuxCalls } from './describe-linux-calls.js';
export { type LinuxCallsRegistration, nodeSharesMemory } from './registration.js';
