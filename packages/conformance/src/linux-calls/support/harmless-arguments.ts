import type { LinuxCalls } from '@pageferry/linux';

type Method = Exclude<keyof LinuxCalls, 'binding'>;

const bytes = new Uint8Array(16);
const numbers = new Int32Array(8);
const noFile = -1;

/**
 * Arguments for every method with which it does nothing: the descriptor is closed, the memory not
 * mapped, or it only asks.
 */
export const HARMLESS_ARGUMENTS: Readonly<Record<Method, readonly unknown[]>> = {
  pageSize: [],
  pipe2: [numbers, 1],
  vmsplice: [noFile, bytes, 0, 16, 0],
  splice: [noFile, noFile, 16, 0],
  spliceOnThread: [noFile, noFile, 16, 0],
  tee: [noFile, noFile, 16, 0],
  getPipeSize: [noFile],
  setPipeSize: [noFile, 4096],
  read: [noFile, bytes, 0, 16],
  preadv2: [noFile, bytes, 0, 16, 8],
  write: [noFile, bytes, 0, 16],
  writeOnThread: [noFile, bytes, 0, 16],
  lseek: [noFile, 0, 0],
  poll: [noFile, 0, 0],
  pollMany: [numbers, 0, 0],
  close: [noFile],
  closeAtThreadEnd: [noFile, true],
  duplicate: [noFile, 0],
  getStatusFlags: [noFile],
  setStatusFlags: [noFile, 0],
  fstat: [noFile, new BigInt64Array(6)],
  fchmod: [noFile, 0],
  flock: [noFile, 0],
  memfdCreate: ['name', 0x4000_0000],
  ftruncate: [noFile, 0],
  fallocate: [noFile, 0, 0, 4096],
  getSeals: [noFile],
  addSeals: [noFile, 0],
  mmap: [4096, 1, 1, noFile, 0],
  munmap: [new ArrayBuffer(16)],
  munmapLater: [new ArrayBuffer(16)],
  remap: [new ArrayBuffer(16), 16, 1, 2, noFile],
  madvise: [new ArrayBuffer(16), 0, 16, 4],
  addressOf: [new ArrayBuffer(16)],
  alias: [new ArrayBuffer(16), 0, 16],
  detach: [new ArrayBuffer(16)],
  copyPastCache: [bytes, 0, 16, bytes, 0, 16],
  threadBell: [new ArrayBuffer(16)],
  threadAlias: [new ArrayBuffer(16), 0, 16, new ArrayBuffer(16)],
  explainWrites: [new ArrayBuffer(16), numbers, new Int32Array(10), 'advice'],
  schedYield: [],
  eventfd: [-1, 0],
  pidfdOpen: [-1, 0],
  membarrier: [-1, 0],
  watch: [noFile, 1, () => {}],
  socket: [-1, 0, 0],
  socketpair: [-1, 0, 0, numbers],
  bindUnix: [noFile, '/nowhere'],
  connectUnix: [noFile, '/nowhere'],
  bindAbstract: [noFile, 'nowhere'],
  connectAbstract: [noFile, 'nowhere'],
  listen: [noFile, 0],
  accept4: [noFile, 0],
  shutdown: [noFile, 0],
  getSocketError: [noFile],
  getSocketType: [noFile],
  getPeerCredentials: [noFile, numbers],
  setPassCredentials: [noFile, true],
  sendmsg: [noFile, bytes, 0, 16, numbers, 0, 0],
  recvmsg: [noFile, bytes, 0, 16, numbers, numbers, 0],
};
