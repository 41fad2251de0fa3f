/**
 * A peer: a process (`fork`) or thread (`Worker`) that loads a transport and does what the test asks.
 * Arguments of a process, `workerData` of a thread: the URL of the transport's module and the name of
 * its export.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { Transport } from '@pageferry/core';
import { startThreadPeer } from '../harness/thread-peer.js';
import type { PeerCommand } from './api.js';
import { PeerProgram } from './program.js';
import { packError, type Request, type Response } from './wire.js';

/** How long a process may go on after the test has gone, in milliseconds, and how it ends then. */
const PATIENCE = 5000;
const KEPT_ALIVE = 3;

const [moduleUrl, exportName] = isMainThread
  ? [process.argv[2] as string, process.argv[3] as string]
  : (workerData as readonly [string, string]);

function respond(response: Response): void {
  if (parentPort) parentPort.postMessage(response);
  else if (process.connected) process.send?.(response);
}

async function serve(program: PeerProgram, { id, command, args }: Request): Promise<void> {
  try {
    // The types of the arguments were checked where the test made the call.
    const method = program[command] as (...args: readonly unknown[]) => Promise<unknown>;
    respond({ id, value: await method(...args) });
  } catch (error) {
    respond({ id, error: packError(error) });
  }
}

const module = (await import(moduleUrl)) as Record<string, Transport>;
const transport = module[exportName];
if (transport === undefined) throw new Error(`${moduleUrl} exports no ${exportName}`);
const program = new PeerProgram(transport, async () => {
  const thread = await startThreadPeer(moduleUrl, exportName);
  return {
    call: (command: PeerCommand, args) => thread.call(command, ...(args as never)),
    end: () => thread.end(),
  };
});
const onRequest = (request: Request): void => void serve(program, request);
if (parentPort) parentPort.on('message', onRequest);
else process.on('message', onRequest);
// Once the test has gone, the process ends by itself unless something keeps it alive. It must not
// outlive the test for long then either.
process.once('disconnect', () => setTimeout(() => process.exit(KEPT_ALIVE), PATIENCE).unref());
respond({ id: 0, value: 'ready' });
