import { readdirSync } from 'node:fs';
import type { Transport } from '@pageferry/core';
import type { Sample } from '../shared/workload.js';

/** Where the peers of a pipe find their end of it. */
export const PIPE_FD = 4;

/** What this peer has to do: its command line, as JSON. */
export function peerWorkload<Workload>(): Workload {
  return JSON.parse(process.argv[2] ?? '{}') as Workload;
}

/** Imports the transport that is named `module#export`. */
export async function loadTransport(name: string): Promise<Transport> {
  const [module = '', exported = ''] = name.split('#');
  const found = (await import(module)) as Readonly<Record<string, Transport | undefined>>;
  const transport = found[exported];
  if (transport === undefined) throw new Error(`${module} exports no '${exported}'`);
  return transport;
}

/** Tells the process that started this one when its part of the clock begins or ends. */
export function reportTime(): void {
  process.send?.({ at: `${process.hrtime.bigint()}` });
}

/** Runs `body`, and tells the process that started this one how long it took. */
export async function reportTrial(body: () => void | Promise<void>): Promise<void> {
  const cpu = process.cpuUsage();
  const begin = process.hrtime.bigint();
  await body();
  const nanoseconds = Number(process.hrtime.bigint() - begin);
  const { user, system } = process.cpuUsage(cpu);
  process.send?.({ nanoseconds, senderNanoseconds: (user + system) * 1000 });
}

/** Tells the process that started this one how large it is. */
export function reportSample(when: string): void {
  const sample: Sample = {
    when,
    residentBytes: process.memoryUsage.rss(),
    descriptors: readdirSync('/proc/self/fd').length,
  };
  process.send?.({ sample });
}

/** A Buffer over the same memory: it searches bytes with memchr(3), as the C program does. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
