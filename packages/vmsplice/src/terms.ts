import {
  type ChannelTerms,
  PLAIN_RECEIVER,
  type QueueConsumer,
  type ReceiverTerms,
  type SenderTerms,
} from '@pageferry/connection';
import { RECEIVER_WORDS, SENDER_WORDS } from './layout.js';
import { Announcements } from './sending/announcements.js';

/** What the sender's end of a connection needs. */
export const SENDER_TERMS: SenderTerms<Announcements> = {
  openQueue: (words, place) => new Announcements(words, place),
  receiverCounters: [RECEIVER_WORDS.bytesConsumed],
};

/** What the receiver's end of a connection needs. */
export const RECEIVER_TERMS: ReceiverTerms = {
  ...PLAIN_RECEIVER,
  senderCounters: [SENDER_WORDS.bytesProduced],
};

/** The same for both ends that either side of a channel has. */
export const CHANNEL_TERMS: ChannelTerms<Announcements, QueueConsumer> = {
  outgoing: SENDER_TERMS,
  incoming: RECEIVER_TERMS,
};
