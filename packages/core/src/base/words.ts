import { inheritedDescriptor } from '../checks.js';
import type { ReceiverInfo } from '../contract/sender.js';
import type { PeerCredentials } from '../contract/transport.js';
import { describeEndpoint } from '../endpoint/named-endpoint.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A number of bytes for people: `7 bytes`, `64 KiB`, `1.5 MiB`. */
export function inBytes(count: number): string {
  if (count < KIB) return counted(count, 'byte');
  const [unit, name] = count < MIB ? [KIB, 'KiB'] : [MIB, 'MiB'];
  return `${Math.round((count / unit) * 10) / 10} ${name}`;
}

/** `1 message`, `2 messages`; `1 delivery`, `2 deliveries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The sender at an endpoint, in words: with its process id, where that is known. */
export function senderAt(endpoint: string, credentials?: PeerCredentials): string {
  return `the sender at ${endpoint}${processOf(credentials)}`;
}

/** What a receiver that wants to connect waits for, in words. */
export function noSenderAt(endpoint: string): string {
  return inheritedDescriptor(endpoint) === undefined
    ? `no sender at ${describeEndpoint(endpoint)}`
    : `the process at the other end of ${endpoint} has not answered`;
}

/** What a channel that is to be opened waits for, in words. */
export function nobodyListensAt(endpoint: string): string {
  return inheritedDescriptor(endpoint) === undefined
    ? `nobody listens at ${describeEndpoint(endpoint)}`
    : `the process at the other end of ${endpoint} has not answered`;
}

/** Who has not given back how much: `receiver 0 (pid 71): 16 messages, 1 MiB`. Empty if nobody. */
export function whoIsBehind(receivers: readonly ReceiverInfo[]): string {
  return receivers
    .filter(({ messagesBehind }) => messagesBehind > 0)
    .map((receiver) => {
      const messages = counted(receiver.messagesBehind, 'message');
      const who = `receiver ${receiver.id}${processOf(receiver.credentials)}`;
      return `${who}: ${messages}, ${inBytes(receiver.bytesBehind)}`;
    })
    .join('; ');
}

function processOf(credentials: PeerCredentials | undefined): string {
  return credentials?.pid === undefined ? '' : ` (pid ${credentials.pid})`;
}
