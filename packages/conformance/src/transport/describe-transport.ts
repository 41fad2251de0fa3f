import type { ListenOptions, ReceiverOptions, SenderOptions } from '@pageferry/core';
import { describe } from 'vitest';
import { describeAborts } from './cases/aborts.js';
import { describeAbortsLoseNothing } from './cases/aborts-lose-nothing.js';
import { describeArguments } from './cases/arguments.js';
import { describeBackPressure } from './cases/back-pressure.js';
import { describeBatches } from './cases/batches.js';
import { describeBesideTheBytes } from './cases/beside-the-bytes.js';
import { describeBorrowedMemory } from './cases/borrowed-memory.js';
import { describeCapabilities } from './cases/capabilities.js';
import { describeChannelAborts } from './cases/channel-aborts.js';
import { describeChannelArguments } from './cases/channel-arguments.js';
import { describeChannelBothWays } from './cases/channel-both-ways.js';
import { describeChannelDeaths } from './cases/channel-deaths.js';
import { describeChannelLasting } from './cases/channel-lasting.js';
import { describeChannelLeftovers } from './cases/channel-leftovers.js';
import { describeChannelLifecycle } from './cases/channel-lifecycle.js';
import { describeChannelMeeting } from './cases/channel-meeting.js';
import { describeChannelStats } from './cases/channel-stats.js';
import { describeChannelThreads } from './cases/channel-threads.js';
import { describeDeaths } from './cases/deaths.js';
import { describeDescriptors } from './cases/descriptors.js';
import { describeDiagnostics } from './cases/diagnostics.js';
import { describeEarlyMessages } from './cases/early-messages.js';
import { describeEndings } from './cases/endings.js';
import { describeEndpoint } from './cases/endpoint.js';
import { describeEventLoop } from './cases/event-loop.js';
import { describeHalfClose } from './cases/half-close.js';
import { describeLasting } from './cases/lasting.js';
import { describeLeftovers } from './cases/leftovers.js';
import { describeLongLivedSignals } from './cases/long-lived-signals.js';
import { describeManyToOne } from './cases/many-to-one.js';
import { describeNames } from './cases/names.js';
import { describeOrder } from './cases/order.js';
import { describeOwnership } from './cases/ownership.js';
import { describePolledRequests } from './cases/polled-requests.js';
import { describeRealms } from './cases/realms.js';
import { describeReceiverLifecycle } from './cases/receiver-lifecycle.js';
import { describeReceivers } from './cases/receivers.js';
import { describeRequestFailures } from './cases/request-failures.js';
import { describeRequests } from './cases/requests.js';
import { describeSaidBeforeDeath } from './cases/said-before-death.js';
import { describeSenderLifecycle } from './cases/sender-lifecycle.js';
import { describeShortages } from './cases/shortages.js';
import { describeSizes } from './cases/sizes.js';
import { describeSourceMemory } from './cases/source-memory.js';
import { describeSplice } from './cases/splice.js';
import { describeSpliceFailures } from './cases/splice-failures.js';
import { describeStats } from './cases/stats.js';
import { describeSymlinks } from './cases/symlinks.js';
import { describeThreads } from './cases/threads.js';
import { describeTightLimits } from './cases/tight-limits.js';
import { describeUsers } from './cases/users.js';
import { type TransportRegistration, toSubject } from './registration.js';

const TOPICS = {
  capabilities: describeCapabilities,
  sizes: describeSizes,
  order: describeOrder,
  besideTheBytes: describeBesideTheBytes,
  descriptors: describeDescriptors,
  batches: describeBatches,
  senderLifecycle: describeSenderLifecycle,
  receiverLifecycle: describeReceiverLifecycle,
  stats: describeStats,
  arguments: describeArguments,
  sourceMemory: describeSourceMemory,
  endpoint: describeEndpoint,
  names: describeNames,
  users: describeUsers,
  aborts: describeAborts,
  abortsLoseNothing: describeAbortsLoseNothing,
  longLivedSignals: describeLongLivedSignals,
  backPressure: describeBackPressure,
  endings: describeEndings,
  deaths: describeDeaths,
  diagnostics: describeDiagnostics,
  receivers: describeReceivers,
  splice: describeSplice,
  spliceFailures: describeSpliceFailures,
  ownership: describeOwnership,
  shortages: describeShortages,
  tightLimits: describeTightLimits,
  symlinks: describeSymlinks,
  borrowedMemory: describeBorrowedMemory,
  threads: describeThreads,
  eventLoop: describeEventLoop,
  realms: describeRealms,
  lasting: describeLasting,
  leftovers: describeLeftovers,
  channelMeeting: describeChannelMeeting,
  channelBothWays: describeChannelBothWays,
  requests: describeRequests,
  polledRequests: describePolledRequests,
  earlyMessages: describeEarlyMessages,
  requestFailures: describeRequestFailures,
  halfClose: describeHalfClose,
  channelLifecycle: describeChannelLifecycle,
  channelStats: describeChannelStats,
  channelArguments: describeChannelArguments,
  channelAborts: describeChannelAborts,
  channelDeaths: describeChannelDeaths,
  saidBeforeDeath: describeSaidBeforeDeath,
  manyToOne: describeManyToOne,
  channelThreads: describeChannelThreads,
  channelLasting: describeChannelLasting,
  channelLeftovers: describeChannelLeftovers,
};

/** What a group of cases is about. */
export type Topic = keyof typeof TOPICS;

/**
 * Registers the conformance suite for a transport with vitest. Every backend passes the same cases,
 * against real second processes; its capabilities decide which cases apply, and those that do not
 * are skipped visibly.
 *
 * @param topics what to register; all of it, unless the suite itself is tested.
 *
 * @example
 * describeTransport({
 *   transport: socketTransport,
 *   moduleUrl: new URL('../dist/index.js', import.meta.url).href,
 *   exportName: 'socketTransport',
 * });
 */
export function describeTransport<
  S extends SenderOptions,
  R extends ReceiverOptions,
  L extends ListenOptions,
>(
  registration: TransportRegistration<S, R, L>,
  topics = Object.keys(TOPICS) as readonly Topic[],
): void {
  const subject = toSubject(registration);
  const timeout = subject.testTimeout;
  describe(`transport ${subject.transport.name}`, { timeout }, () => {
    for (const topic of topics) TOPICS[topic](subject);
  });
}
