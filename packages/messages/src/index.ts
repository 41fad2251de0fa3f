/**
 * `@pageferry/messages`: values over a channel. What structured clone takes arrives as the same value, and its
 * buffers travel beside it in the same loan, so that a receiver reads them where they lie. It stands on the contract
 * of `@pageferry/core` alone, and runs over every transport that has channels. The bytes: `docs/values.md`.
 *
 * @packageDocumentation
 */
export { ForwardedMessage } from './forwarded-message.js';
export { type ComposedMessage, type Message, openMessage } from './message.js';
export {
  createPort,
  type HandlerContext,
  type Port,
  type PortEvents,
  type PortMessageOptions,
  type ReceiveOptions,
  type RequestHandler,
} from './port.js';
export { shared } from './shared.js';
export { type MessagePortLike, toMessagePort } from './to-message-port.js';
