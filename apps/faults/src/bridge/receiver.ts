/**
 * A receiver on another host, until it is killed or has seen the end: node receiver.js SERVERS ENDPOINT PATIENCE [again]. With
 * `again` it connects anew when the bridge was away for longer than it has patience.
 */
import type { Receiver } from '@pageferry/core';
import { type NatsTransport, natsTransport } from '@pageferry/nats';
import { codeOf } from '../killing/traffic.js';
import { isWhole } from '../message.js';
import { pause } from '../until.js';

/** Every how many messages it says how many there were. */
const EACH = 8;
/** Before it connects anew, in milliseconds. */
const PAUSE = 50;
/** What it may come to while the bridge, or the server, is away for longer than it has patience. */
const AWAY = ['PEER_DIED', 'PEER_REJECTED', 'SYSTEM_CALL_FAILED'];

const [servers = '', endpoint = '', patience = '', again] = process.argv.slice(2);
const say = (words: object): void => void process.send?.(words);
process.once('disconnect', () => process.exit());
let received = 0;
try {
  const nats = natsTransport({ servers, patience: Number(patience) });
  while (!(await follow(nats)));
  say({ received, ended: true });
  process.disconnect?.();
} catch (error) {
  // The message says which one it is about.
  say({ fault: `${codeOf(error)}: ${(error as Partial<Error>).message}` });
}

/** Receives until the end. False if it has to connect anew. */
async function follow(nats: NatsTransport): Promise<boolean> {
  let receiver: Receiver;
  try {
    receiver = await nats.createReceiver({ endpoint });
  } catch (error) {
    if (again === undefined || !AWAY.includes(codeOf(error))) throw error;
    await pause(PAUSE);
    return false;
  }
  say({ connected: true });
  let next: number | undefined;
  try {
    for await (const delivery of receiver) {
      const { sequence, tag, bytes } = delivery;
      if (received === 0) say({ first: sequence });
      if (next !== undefined && sequence !== next) {
        say({ fault: `number ${sequence} has come where ${next} was due` });
      }
      const isRight = tag === sequence && isWhole(bytes, sequence);
      if (!isRight) say({ fault: `message ${sequence} is not as it was sent` });
      next = sequence + 1;
      received++;
      delivery.release();
      if (received % EACH === 0) say({ received });
    }
    return true;
  } catch (error) {
    if (again === undefined || !AWAY.includes(codeOf(error))) throw error;
    return false;
  } finally {
    await receiver.close();
  }
}
