import type { ListenerStats } from '../contract/channel.js';
import type { ChannelHistograms } from '../contract/histograms.js';
import { addedUp } from '../diagnostics/magnitudes.js';

/** What can be added up: the counters of channels, or of a listener until now. */
export type Summand = Omit<ListenerStats, 'channelsOpen'>;

/** The counters of several channels together. */
export function addUpStats(all: readonly Summand[]): Summand {
  const sumOf = (name: Exclude<keyof Summand, 'histograms'>): number => {
    let sum = 0;
    for (const each of all) sum += each[name];
    return sum;
  };
  const histograms = addUpHistograms(all);
  return {
    messagesSent: sumOf('messagesSent'),
    bytesSent: sumOf('bytesSent'),
    loansHeld: sumOf('loansHeld'),
    bytesOut: sumOf('bytesOut'),
    messagesReceived: sumOf('messagesReceived'),
    bytesReceived: sumOf('bytesReceived'),
    deliveriesHeld: sumOf('deliveriesHeld'),
    bytesHeld: sumOf('bytesHeld'),
    requestsOpen: sumOf('requestsOpen'),
    sharedBytes: sumOf('sharedBytes'),
    ...(histograms && { histograms }),
  };
}

/** The counters of no channel. */
export function noStats(histograms: boolean): Summand {
  const none = addedUp([]);
  if (!histograms) return addUpStats([]);
  return {
    ...addUpStats([]),
    histograms: {
      sentBytes: none,
      waitedMicroseconds: none,
      receivedBytes: none,
      heldMicroseconds: none,
      answeredMicroseconds: none,
    },
  };
}

function addUpHistograms(all: readonly Summand[]): ChannelHistograms | undefined {
  const there = all.flatMap(({ histograms }) => (histograms === undefined ? [] : [histograms]));
  if (there.length === 0) return undefined;
  const of = (name: keyof ChannelHistograms) => addedUp(there.map((each) => each[name]));
  return {
    sentBytes: of('sentBytes'),
    waitedMicroseconds: of('waitedMicroseconds'),
    receivedBytes: of('receivedBytes'),
    heldMicroseconds: of('heldMicroseconds'),
    answeredMicroseconds: of('answeredMicroseconds'),
  };
}
