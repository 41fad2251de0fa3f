// As failing-calls.mjs, over a channel: `program listener` has the side that listens send, and the one that connects
// receive; `program caller` the other way round.
import { PageferryError } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
import { runWithFailures } from '@pageferry/testkit/failing-calls';
import { createVmspliceTransport } from '@pageferry/vmsplice';

/** @typedef {import('@pageferry/core').Channel} Channel */
/** @typedef {import('@pageferry/core').Transport} Transport */

const [sends] = process.argv.slice(2);
const LIMIT = { timeout: 50 };

/** One side of a channel, as a sender or a receiver is used. */
class Side {
  /** @type {() => Promise<Channel>} */
  #open;
  /** @type {() => Promise<void>} */
  #end;
  /** @type {Promise<Channel> | undefined} */
  #opening;
  /** @type {Channel | undefined} */
  #channel;

  /**
   * @param {() => Promise<Channel>} open
   * @param {() => Promise<void>} end
   */
  constructor(open, end) {
    this.#open = open;
    this.#end = end;
  }

  async waitForReceivers() {
    this.#opening ??= this.#open();
    this.#channel = await this.#opening;
  }

  get #opened() {
    if (this.#channel === undefined) throw new PageferryError('PEER_DIED', 'it was not opened');
    return this.#channel;
  }

  /** @param {Parameters<Channel['loan']>} words */
  loan(...words) {
    return this.#opened.loan(...words);
  }

  /** @param {number} byteLength */
  tryLoan(byteLength) {
    return this.#opened.tryLoan(byteLength);
  }

  stats() {
    return this.#channel?.stats() ?? { loansHeld: 0 };
  }

  /** @param {Parameters<Channel['receive']>} words */
  async receive(...words) {
    await this.waitForReceivers();
    return this.#opened.receive(...words);
  }

  /** @param {Parameters<Channel['spliceTo']>} words */
  async spliceTo(...words) {
    await this.waitForReceivers();
    return this.#opened.spliceTo(...words);
  }

  /** @param {{ timeout: number }} [wait] */
  async close(wait) {
    try {
      await this.#channel?.close(wait);
    } finally {
      await this.#end();
    }
  }

  async destroy() {
    await this.#channel?.destroy();
    await this.#end();
  }
}

/**
 * @param {import('@pageferry/linux').LinuxCalls} calls
 * @returns {Transport}
 */
function overChannels(calls) {
  const transport = createVmspliceTransport('test', () => calls);
  const options = { poolBytes: 4 * 1024 * 1024 };
  let receivers = 0;

  /** @param {string} endpoint */
  const listening = async (endpoint) => {
    const listener = await transport.listen({ ...options, endpoint, pipeBytes: 65_536 });
    return new Side(
      () => listener.accept(LIMIT),
      () => listener.destroy(),
    );
  };
  /** @param {string} endpoint */
  const calling = async (endpoint) =>
    new Side(
      () => transport.connect({ ...options, endpoint, ...LIMIT }),
      async () => undefined,
    );
  const [sending, receiving] = sends === 'listener' ? [listening, calling] : [calling, listening];
  const sides = {
    ...transport,
    /** @param {{ endpoint: string }} where */
    createSender: ({ endpoint }) => sending(endpoint),
    /** @param {{ endpoint: string }} where */
    createReceiver: async ({ endpoint }) => {
      if (receivers++ > 0) throw new PageferryError('PEER_REJECTED', 'there is one channel');
      const receiver = await receiving(endpoint);
      // Whoever listens finds it then.
      if (sends === 'listener') await receiver.waitForReceivers();
      return receiver;
    },
  };
  return /** @type {Transport} */ (/** @type {unknown} */ (sides));
}

await runWithFailures(loadLinuxCalls(), overChannels, {});
