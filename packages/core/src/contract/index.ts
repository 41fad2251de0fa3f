/**
 * `@pageferry/core/contract`: what users of any backend need, and what every backend exports beside its own.
 *
 * @packageDocumentation
 */
export { type ErrorCode, isPageferryError, PageferryError } from '../errors.js';
export type {
  AnyChannel,
  AnyChannelOptions,
  AnyRequestOptions,
} from './any-channel.js';
export type * from './bytes.js';
export type * from './capabilities.js';
export type * from './channel.js';
export type * from './descriptors.js';
export type * from './diagnostics.js';
export type * from './histograms.js';
export type * from './in-place.js';
export type * from './inspection.js';
export type * from './receiver.js';
export type * from './sender.js';
export type * from './threads.js';
export type * from './transport.js';
