/**
 * `@pageferry/conformance`: the suite that every Pageferry transport passes. A backend registers
 * into it with one statement, {@link describeTransport}, in a vitest file of its own. What writes to
 * foreign programs and reads from them has a suite of its own, {@link describePipePrograms}.
 *
 * @packageDocumentation
 */
export { describePipePrograms } from './pipes/describe-pipe-programs.js';
export type { PipeProgramsRegistration } from './pipes/registration.js';
export { describeTransport, type Topic } from './transport/describe-transport.js';
export type { TransportRegistration } from './transport/registration.js';
