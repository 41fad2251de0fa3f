import { chosenTransport } from './transports.js';

const transport = chosenTransport();

/** The transport. A receiver fails the program if it is closed while a delivery is still held. */
export const sharedMmap = {
  createSender: transport.createSender.bind(transport),
  createReceiver: async (/** @type {import('@pageferry/core').ReceiverOptions} */ options) => {
    const receiver = await transport.createReceiver(options);
    const close = receiver.close.bind(receiver);
    receiver.close = () => {
      const { deliveriesHeld } = receiver.stats();
      if (deliveriesHeld > 0) {
        console.error(`${deliveriesHeld} deliveries are still held`);
        process.exitCode = 1;
      }
      return close();
    };
    return receiver;
  },
};
