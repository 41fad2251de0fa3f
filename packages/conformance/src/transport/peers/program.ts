import type {
  ConnectOptions,
  ListenOptions,
  ReceiverOptions,
  SenderOptions,
  Transport,
} from '@pageferry/core';
import type { PeerApi, PeerCommand, SpliceTarget } from './api.js';
import type { ChannelAction, ListenerAction } from './channel-actions.js';
import { ChannelCommands } from './channel-commands.js';
import { repeat } from './pattern-stream.js';
import { ReceiverCommands } from './receiver-commands.js';
import { Registry } from './registry.js';
import { SenderCommands } from './sender-commands.js';
import { stopClock } from './stopped-clock.js';
import { measureUsage } from './usage.js';

/** A thread that a peer has started. */
export interface PeerThread {
  call(command: PeerCommand, args: readonly unknown[]): Promise<unknown>;
  end(): Promise<void>;
}

/** What a peer does when it is asked, wherever it runs: in a process, a thread, or beside the test. */
export class PeerProgram implements PeerApi {
  readonly #transport: Transport;
  readonly #senders: SenderCommands;
  readonly #receivers: ReceiverCommands;
  readonly #channels: ChannelCommands;
  readonly #threads = new Registry<PeerThread>('thread');
  readonly #newThread: () => Promise<PeerThread>;

  /** @param newThread starts a worker thread that runs a peer. */
  constructor(transport: Transport, newThread: () => Promise<PeerThread>) {
    this.#transport = transport;
    this.#senders = new SenderCommands(transport);
    this.#receivers = new ReceiverCommands(transport);
    this.#channels = new ChannelCommands(transport);
    this.#newThread = newThread;
  }

  createSender = (options: SenderOptions) => this.#senders.create(options);
  send = (sender: number, lengths: readonly number[]) => this.#senders.send(sender, lengths);
  sendMany = (sender: number, count: number, byteLength: number, blank = false) =>
    this.#senders.send(sender, repeat(count, byteLength), blank);
  sendDescriptors = (sender: number, paths: readonly string[]) =>
    this.#senders.sendDescriptors(sender, paths);
  waitForReceivers = (sender: number, count: number) =>
    this.#senders.get(sender).waitForReceivers(count);
  listReceivers = async (sender: number) => this.#senders.get(sender).receivers;
  flush = (sender: number) => this.#senders.get(sender).flush();
  senderStats = async (sender: number) => this.#senders.get(sender).stats();
  closeSender = (sender: number) => this.#senders.get(sender).close();
  destroySender = (sender: number) => this.#senders.get(sender).destroy();

  createReceiver = (options: ReceiverOptions) => this.#receivers.create(options);
  receive = (receiver: number, count: number) => this.#receivers.receive(receiver, count, false);
  receiveDescriptors = (receiver: number) => this.#receivers.receiveDescriptors(receiver);
  hold = (receiver: number, count: number) => this.#receivers.receive(receiver, count, true);
  checkHeld = async (receiver: number) => this.#receivers.checkHeld(receiver);
  releaseHeld = async (receiver: number, count: number) =>
    this.#receivers.releaseHeld(receiver, count);
  spliceTo = (receiver: number, target: SpliceTarget, count: number) =>
    this.#receivers.spliceTo(receiver, target, count);
  receiverStats = async (receiver: number) => this.#receivers.get(receiver).stats();
  closeReceiver = (receiver: number) => this.#receivers.get(receiver).close();

  listen = (options: ListenOptions) => this.#channels.listen(options);
  accept = (listener: number) => this.#channels.accept(listener);
  connect = (options: ConnectOptions) => this.#channels.connect(options);
  useListener = (listener: number, action: ListenerAction) =>
    this.#channels.useListener(listener, action);
  useChannel = (channel: number, action: ChannelAction, args: readonly unknown[]) =>
    this.#channels.useChannel(channel, action, args);

  startThread = async () => this.#threads.add(await this.#newThread());
  callThread = (thread: number, command: PeerCommand, args: readonly unknown[]) =>
    this.#threads.get(thread).call(command, args);
  terminateThread = (thread: number) => this.#threads.get(thread).end();

  identity = async () => {
    const { name, capabilities } = this.#transport;
    return { name, capabilities };
  };
  usage = () => {
    this.#channels.forgetClosed();
    return measureUsage();
  };
  stopClock = async () => stopClock();

  reset = async () => {
    await Promise.all([
      this.#senders.destroyAll(),
      this.#receivers.closeAll(),
      this.#channels.destroyAll(),
    ]);
    await Promise.all(this.#threads.takeAll().map((thread) => thread.end()));
  };
}
