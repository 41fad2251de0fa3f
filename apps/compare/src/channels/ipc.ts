import type { ChildProcess, Serializable } from 'node:child_process';
import type { Task } from '../trials/task.js';
import type { Listening, ReceiverHandle, ReceivingSide, SendingSide } from './channel.js';
import type { Codec } from './ipc-codec.js';
import { MessageQueue } from './message-queue.js';

/** Something with Node's IPC channel: a child, or this process as a child. */
export interface Port {
  send(message: Serializable, done: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

/** The sending side of `child.send` with a codec. */
export function ipcListen(codec: Codec) {
  return async (task: Task, handles: readonly ReceiverHandle[]): Promise<Listening> => ({
    connected: async () =>
      ipcSender(
        task,
        handles.map(({ child }) => child as ChildProcess),
        codec,
      ),
  });
}

/** The receiving side of `child.send` with a codec. */
export function ipcConnect(codec: Codec) {
  return async (task: Task): Promise<ReceivingSide> => ipcReceiver(task, process as Port, codec);
}

function ipcSender({ payloadBytes }: Task, ports: readonly Port[], codec: Codec): SendingSide {
  const message = Buffer.alloc(payloadBytes);
  const queue = queueOf(ports[0] as Port, codec);
  return {
    knobs: {},
    async send(count, write) {
      for (let index = 0; index < count; index++) {
        write(message); // `send` serializes at once, so that the buffer is free again.
        await Promise.all(ports.flatMap((port) => post(port, codec.encode(message)) ?? []));
      }
    },
    async exchange(count, write, see, answered) {
      for (let index = 0; index < count; index++) {
        write(message);
        for (const port of ports) void post(port, codec.encode(message));
        await queue.see(1, see);
        answered();
      }
    },
    async close() {},
  };
}

function ipcReceiver({ payloadBytes }: Task, port: Port, codec: Codec): ReceivingSide {
  const queue = queueOf(port, codec);
  const message = Buffer.alloc(payloadBytes);
  return {
    receive: (count, see) => queue.see(count, see),
    moveOn: (count, destination) => queue.see(count, (bytes) => void destination.write(bytes)),
    async answer(count, see, write) {
      for (let index = 0; index < count; index++) {
        await queue.see(1, see);
        write(message);
        void post(port, codec.encode(message));
      }
    },
    async close() {
      queue.end();
    },
  };
}

/** What comes from the other side, as bytes. */
export function queueOf(port: Port, codec: Codec): MessageQueue {
  const queue = new MessageQueue();
  port.on('message', (message) => {
    const bytes = codec.decode(message);
    if (bytes !== undefined) queue.push(bytes);
  });
  port.on('disconnect', () => queue.end());
  return queue;
}

/** Sends. The result is a promise where the channel asks for patience, and `undefined` otherwise. */
export function post(port: Port, message: Serializable): Promise<void> | undefined {
  let settle: ((error: Error | null) => void) | undefined;
  const more = port.send(message, (error) => settle?.(error));
  if (more) return undefined;
  return new Promise((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
}
