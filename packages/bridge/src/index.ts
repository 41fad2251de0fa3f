/**
 * `@pageferry/bridge`: carries what a sender of one transport sends to the receivers of another one. It stands on the
 * transfer contract alone, and knows no mechanism.
 *
 * @packageDocumentation
 */
export { type Bridge, openBridge } from './bridge.js';
export type { BridgeOptions, BridgeSource, BridgeTarget } from './options.js';
export type { BridgeStats } from './stats.js';
