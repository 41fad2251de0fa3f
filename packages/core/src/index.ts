/**
 * `@pageferry/core`: the transfer contract of Pageferry, and the base classes that own what every
 * backend shares. It runs wherever Node does, and depends on no other package; what only Linux has
 * (`/proc`, `O_DIRECT`) it uses where it is there.
 *
 * Users of a backend need `contract/`; authors of a backend extend {@link BaseSender} and
 * {@link BaseReceiver}. What is no message channel, such as a pipe of a foreign program, is built from the
 * parts that these two have.
 *
 * Node opens all files at about the same time that one file names, which may be more than a process with few
 * descriptors can have open: so the folders `channel` and `waiting` have an `index.ts` of their own.
 *
 * @packageDocumentation
 */
export { BaseDelivery, type DeliveryOwner } from './base/base-delivery.js';
export { BaseLoan, type LoanOwner } from './base/base-loan.js';
export { BaseReceiver, type BaseReceiverSettings } from './base/base-receiver.js';
export { BaseSender, type BaseSenderSettings } from './base/base-sender.js';
export { BufferPool } from './base/buffer-pool.js';
export { ByteQuota, OccupancyQuota } from './base/byte-quota.js';
export { CollectedHolds } from './base/collected-holds.js';
export { ConnectionFailures } from './base/connection-failures.js';
export { type CopyPastCache, copyBytes, copyInPieces, usePastCache } from './base/copy.js';
export { bytesDetached, messageLost, sourceDetached } from './base/detached.js';
export { DropReports } from './base/drop-reports.js';
export { fileCallFailed } from './base/file-call-failed.js';
export type {
  AcceptOutcome,
  Corkable,
  InboundMessage,
  LoanMemory,
  MoveTarget,
  Outbox,
  SendMethod,
  ThreadMemory,
} from './base/hooks.js';
export { isLentByAnother, type Lending } from './base/lent-by.js';
export { LoopHolder } from './base/loop-holder.js';
export { memoryGone } from './base/memory-gone.js';
export { Presence } from './base/presence.js';
export { senderDied } from './base/sender-died.js';
export {
  type CommonReceiverSettings,
  type CommonSenderSettings,
  checkCommonReceiverOptions,
  checkCommonSenderOptions,
} from './base/settings.js';
export { SubscriberSet, type SubscriberState } from './base/subscriber-set.js';
export { counted, inBytes, nobodyListensAt, noSenderAt, senderAt } from './base/words.js';
export { MOVED_PIECE_BYTES, movePiece, writeToDescriptor } from './base/write-to-descriptor.js';
export * from './channel/index.js';
export { checkDescriptor, type DescriptorAdvice } from './check-descriptor.js';
export * from './checks.js';
export type {
  AnyChannel,
  AnyChannelOptions,
  AnyRequestOptions,
} from './contract/any-channel.js';
export type * from './contract/bytes.js';
export type * from './contract/capabilities.js';
export type * from './contract/channel.js';
export type * from './contract/descriptors.js';
export type * from './contract/diagnostics.js';
export type * from './contract/histograms.js';
export type * from './contract/in-place.js';
export type * from './contract/inspection.js';
export type * from './contract/pipe-reader.js';
export type * from './contract/pipe-writer.js';
export type * from './contract/piped-program.js';
export type * from './contract/receiver.js';
export type * from './contract/sender.js';
export type * from './contract/threads.js';
export type * from './contract/transport.js';
export { named, publish } from './diagnostics/publish.js';
export { asyncDispose, dispose } from './dispose.js';
export { ABANDONED_AGE, sweepAbandoned } from './endpoint/abandoned-folders.js';
export * from './endpoint/check-place.js';
export * from './endpoint/endpoint-error.js';
export { EndpointPath, LONGEST_PATH } from './endpoint/endpoint-path.js';
export { type FileIdentity, identify, isSame, unlinkIfSame } from './endpoint/file-identity.js';
export { probeSocketFile } from './endpoint/probe-socket-file.js';
export { SocketFile } from './endpoint/socket-file.js';
export { SOCKET_TYPE, typeOfSocketAt } from './endpoint/socket-table.js';
export { errnoName } from './errno-name.js';
export * from './errors.js';
export { checkOptions } from './options.js';
export { lackedPermission, lacksNetwork } from './permission.js';
export {
  ALLOW_NOBODY_ELSE,
  type AllowSettings,
  allowsOthers,
  type FileRights,
  fileRightsFor,
  isOneGroup,
} from './rendezvous/allow.js';
export * from './rendezvous/handshakes.js';
export * from './rendezvous/hello.js';
export * from './rendezvous/inspection.js';
export * from './rendezvous/refusal.js';
export { type Search, seekSender } from './rendezvous/seek-sender.js';
export { isTrusted, isTrustedFile, overflowUid } from './rendezvous/trust.js';
export { openShared } from './threads/open-shared.js';
export { thrownInWords } from './thrown-in-words.js';
export { lengthOfBuffer, memoryOf, type ViewMemory } from './view-memory.js';
export * from './waiting/index.js';
