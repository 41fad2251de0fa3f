import type { Capabilities, Transport } from '@pageferry/core';
import type { MeetingPlace } from './meeting-place.js';
import { tryChannel } from './try-channel.js';
import { tryTransport } from './try-transport.js';

/** What a backend is to be used for. */
export interface Use {
  /** What a transport lacks for that, whatever the machine; `undefined` if nothing. */
  readonly lacks: (capabilities: Capabilities) => string | undefined;
  /** Uses a transport for that once, within this process. Rejects with what keeps it from working. */
  readonly attempt: (transport: Transport, place: MeetingPlace) => Promise<void>;
}

/** A sender, and receivers. Every transport has them. */
export const MESSAGES: Use = { lacks: () => undefined, attempt: tryTransport };

/** A listener, and channels to it. */
export const CHANNELS: Use = {
  lacks: ({ maxChannels }) => (maxChannels === 0 ? 'it has no channels' : undefined),
  attempt: tryChannel,
};
