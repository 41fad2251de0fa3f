/**
 * `@pageferry/conformance`: the suite that every Pageferry transport passes. A backend registers
 * into it with one statement, {@link describeTransport}, in a vitest file of its own.
 *
 * @packageDocumentation
 */
export { describeTransport, type Topic } from './transport/describe-transport.js';
export type { TransportRegistration } from './transport/registration.js';
