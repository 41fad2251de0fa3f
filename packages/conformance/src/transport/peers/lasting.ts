/**
 * A program that opens a sender, receiver, listener or channel, says so in a line, and has nothing else to do: does
 * it end by itself? Arguments: the URL of the transport's module, the name of its export, and a {@link Errand}.
 */
import { createHook } from 'node:async_hooks';
import type {
  Channel,
  ConnectOptions,
  Listener,
  ListenOptions,
  Receiver,
  ReceiverOptions,
  Sender,
  SenderOptions,
  Transport,
} from '@pageferry/core';

/** What the program is to do. */
export interface Errand {
  readonly role: 'sender' | 'receiver' | 'listener' | 'channel';
  readonly options: SenderOptions | ReceiverOptions | ListenOptions | ConnectOptions;
  /** Methods to call on what was opened, one after the other, without waiting for any but the first. */
  readonly calls: readonly (keyof (Sender & Receiver & Listener & Channel) & string)[];
  /** Goes on until its standard input ends. */
  readonly stays?: boolean;
  /** Says by name what keeps the process alive. */
  readonly names?: boolean;
}

const [moduleUrl, exportName, words] = process.argv.slice(2) as [string, string, string];
const { role, options, calls, stays, names } = JSON.parse(words) as Errand;

if (stays) process.stdin.resume();
const resources = new Map<number, { readonly type: string; readonly resource: object }>();
if (names) {
  createHook({
    init: (id, type, _trigger, resource) => void resources.set(id, { type, resource }),
    destroy: (id) => void resources.delete(id),
  }).enable();
}

/** As tools do that look for what keeps a process alive. */
function holders(): readonly string[] {
  return [...resources.values()]
    .filter(({ resource }) => 'hasRef' in resource && (resource.hasRef as () => boolean)())
    .map(({ type }) => type)
    .filter((type) => type.startsWith('pageferry:'));
}

const transport = ((await import(moduleUrl)) as Record<string, Transport>)[exportName] as Transport;
const open = {
  sender: () => transport.createSender(options),
  receiver: () => transport.createReceiver(options),
  listener: () => transport.listen(options),
  channel: () => transport.connect(options),
}[role];
const opened = (await open()) as unknown as Record<string, () => unknown>;
const [first, ...others] = calls;
if (first !== undefined) await opened[first]?.();
for (const call of others) opened[call]?.();
console.log(names ? holders().join() : 'open');
