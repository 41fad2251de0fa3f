/** What a worker of a pool runs, be it a process or a thread. */
import process from 'node:process';
import { isPageferryError, PageferryError } from '@pageferry/core';
import type { ComposedMessage } from '@pageferry/messages';
import { leaveParent, parentPort } from '../start/parent-port.js';
import { ownMemory } from './memory.js';
import { LOAD, type Loading, numberIn, RUN, type Run, type ToPool } from './protocol.js';
import { RunningTask, type TaskContext } from './task-context.js';

type TaskFunction = (task: unknown, context: TaskContext) => unknown;

const port = await parentPort().catch((error: unknown) => {
  // There is no pool any more, and nobody to be told.
  if (isPageferryError(error, 'PEER_DIED')) process.exit();
  throw error;
});
const running = new Map<number, RunningTask>();
let exports: Record<string, unknown> = {};
let memoryLimit = 0;

port.handle(LOAD, async (loading: Loading) => {
  exports = (await import(loading.module)) as Record<string, unknown>;
  memoryLimit = loading.memoryLimit;
});

port.handle(RUN, async ({ id, name, task }: Run) => {
  const run = functionOf(name);
  const context = new RunningTask(name, compose);
  running.set(id, context);
  try {
    return await run(task, context);
  } finally {
    running.delete(id);
    if (memoryLimit > 0) await tellIfTooLarge();
  }
});

port.on('message', (message) => running.get(numberIn(message, 'abort') ?? 0)?.abort());

// In order or not: nobody is there for whom anything could be done.
port.on('close', async () => {
  await leaveParent();
  process.exit();
});

function compose<T>(value: T): Promise<ComposedMessage<T>> {
  return port.compose(value);
}

function functionOf(name: string): TaskFunction {
  // A CommonJS module is what its default export is; a compiled one has a default export within that.
  for (const all of [exports, exports['default']]) {
    const found = ownOf(all, name);
    if (typeof found === 'function') return found as TaskFunction;
  }
  throw new PageferryError('NO_HANDLER', `the module of this worker exports no function '${name}'`);
}

/** What a module exports under a name. What every object has is no export. */
function ownOf(all: unknown, name: string): unknown {
  if (typeof all !== 'object' || all === null || !Object.hasOwn(all, name)) return undefined;
  return (all as Record<string, unknown>)[name];
}

async function tellIfTooLarge(): Promise<void> {
  const memory = ownMemory();
  if (memory > memoryLimit) await port.send({ memory } satisfies ToPool);
}
