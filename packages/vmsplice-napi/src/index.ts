/**
 * `@pageferry/vmsplice-napi`: hands memory pages to another process with vmsplice and splice. The
 * pipe transport of `@pageferry/vmsplice` over the Node-API binding `@pageferry/linux-napi`.
 *
 * @packageDocumentation
 */
import type { SpawnPiped } from '@pageferry/core';
import { loadLinuxCalls } from '@pageferry/linux-napi';
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
export type {
  PipePrograms,
  VmspliceConnectOptions,
  VmspliceListenOptions,
  VmspliceReceiverOptions,
  VmspliceSenderOptions,
  VmspliceTransport,
} from '@pageferry/vmsplice';

/** The backend `vmsplice-napi`. See {@link VmspliceTransport} for what it does. Linux only. */
export const vmspliceNapi: VmspliceTransport = createVmspliceTransport(
  'vmsplice-napi',
  loadLinuxCalls,
);

const programs = createPipePrograms(loadLinuxCalls);

/** {@link SpawnPiped} */
export const spawnPiped: SpawnPiped = programs.spawnPiped;

/** {@link PipePrograms.openPipeWriter} */
export const openPipeWriter: PipePrograms['openPipeWriter'] = programs.openPipeWriter;

/** {@link PipePrograms.openPipeReader} */
export const openPipeReader: PipePrograms['openPipeReader'] = programs.openPipeReader;

/** {@link PipePrograms.openPipe} */
export const openPipe: PipePrograms['openPipe'] = programs.openPipe;

/** {@link PipePrograms.openSocketPair} */
export const openSocketPair: PipePrograms['openSocketPair'] = programs.openSocketPair;

/** {@link PipePrograms.channelPair} */
export const channelPair: PipePrograms['channelPair'] = programs.channelPair;
