/**
 * `@pageferry/vmsplice-ffi`: hands memory pages to another process with vmsplice and splice, where
 * nothing can be compiled. The pipe transport of `@pageferry/vmsplice` over the binding
 * `@pageferry/linux-ffi`.
 *
 * @packageDocumentation
 */
import type { SpawnPiped } from '@pageferry/core';
import { type LinuxFfiOptions, loadLinuxCalls } from '@pageferry/linux-ffi';
import {
  createPipePrograms,
  createVmspliceTransport,
  type PipePrograms,
  type VmspliceTransport,
} from '@pageferry/vmsplice';

export type {
  PipeChunk,
  PipedProgram,
  PipeReader,
  PipeReaderOptions,
  PipeWriter,
  PipeWriterOptions,
  SpawnPiped,
  SpawnPipedOptions,
} from '@pageferry/core';
export * from '@pageferry/core/contract';
export type { FfiDriverName, LinuxFfiOptions } from '@pageferry/linux-ffi';
export type {
  PipePrograms,
  VmspliceConnectOptions,
  VmspliceListenOptions,
  VmspliceReceiverOptions,
  VmspliceSenderOptions,
  VmspliceTransport,
} from '@pageferry/vmsplice';

/** A backend, and what it has for programs that know nothing of Pageferry. */
export type VmspliceFfi = VmspliceTransport & PipePrograms;

/**
 * The backend `vmsplice-ffi` with a driver of your choice. Nothing is loaded before it is used.
 *
 * @example
 * const transport = createVmspliceFfi({ driver: 'node' }); // Node 26.9 and later
 */
export function createVmspliceFfi(options: LinuxFfiOptions = {}): VmspliceFfi {
  const load = () => loadLinuxCalls(options);
  return { ...createVmspliceTransport('vmsplice-ffi', load), ...createPipePrograms(load) };
}

/** The backend `vmsplice-ffi`, over koffi. See {@link VmspliceTransport} for what it does. Linux only. */
export const vmspliceFfi: VmspliceFfi = createVmspliceFfi();

/** {@link SpawnPiped} */
export const spawnPiped: SpawnPiped = vmspliceFfi.spawnPiped;

/** {@link PipePrograms.openPipeWriter} */
export const openPipeWriter: PipePrograms['openPipeWriter'] = vmspliceFfi.openPipeWriter;

/** {@link PipePrograms.openPipeReader} */
export const openPipeReader: PipePrograms['openPipeReader'] = vmspliceFfi.openPipeReader;

/** {@link PipePrograms.openPipe} */
export const openPipe: PipePrograms['openPipe'] = vmspliceFfi.openPipe;

/** {@link PipePrograms.openSocketPair} */
export const openSocketPair: PipePrograms['openSocketPair'] = vmspliceFfi.openSocketPair;

/** {@link PipePrograms.channelPair} */
export const channelPair: PipePrograms['channelPair'] = vmspliceFfi.channelPair;
