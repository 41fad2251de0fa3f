/**
 * `@pageferry/streams`: Node's streams and Web Streams over senders, receivers and channels. It stands on the transfer
 * contract alone, and knows no mechanism.
 *
 * @packageDocumentation
 */
export type { MessageSink, MessageSource } from './ends.js';
export { type ByteSource, loanFrom } from './loans/loan-from.js';
export type { ChannelStream } from './multiplexed/channel-stream.js';
export {
  type ChannelStreams,
  createStreams,
  type OpenOptions,
  type StreamsOptions,
} from './multiplexed/channel-streams.js';
export { toDuplex, toReadable, toWritable } from './node/to-node.js';
export type {
  FromMessagesOptions,
  StreamOptions,
  ToDuplexOptions,
  ToMessagesOptions,
  ToReadableOptions,
  ToReadableStreamOptions,
  ToReadableWritablePairOptions,
  ToWritableOptions,
  ToWritableStreamOptions,
} from './options.js';
export { type PipeToOptions, pipeTo } from './pipe-to.js';
export { toReadableStream, toReadableWritablePair, toWritableStream } from './web/to-web.js';
