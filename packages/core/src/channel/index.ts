/** What backends need for channels. @packageDocumentation */
export type { Lender } from './any-outbox.js';
export { BaseChannel, type BaseChannelSettings, isPeerError } from './base-channel.js';
export { BaseListener, type BaseListenerSettings } from './base-listener.js';
export { ChannelSender, type ChannelSenderSettings } from './channel-sender.js';
export {
  EXCHANGE,
  exchangeKind,
  exchangeNumber,
  exchangeWord,
  isAnswer,
} from './exchange.js';
export { noChannels } from './no-channels.js';
export { decodeError, encodeError } from './remote-error.js';
export {
  type ChannelSideSettings,
  checkConnectOptions,
  checkListenOptions,
  type ListenSettings,
} from './settings.js';
