import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** How much memory the control groups of this process let it have (cgroups(7)). */
export interface MemoryRoom {
  /** Bytes that all processes of the tightest group may have together, swap included. */
  readonly limitBytes: number;
  /** How many of them are left, page cache that can be dropped included. May be negative for a moment. */
  readonly leftBytes: number;
  /** The file that holds the limit. */
  readonly file: string;
}

/** Where the kernel tells of it. Tests have files of their own. */
export interface MemoryRoomFiles {
  /** Where the control groups are mounted. */
  readonly groups?: string;
  /** Which of them are those of this process. */
  readonly self?: string;
  /** Path of `/proc/meminfo`, proc(5). */
  readonly meminfo?: string;
}

/** What one version of control groups calls things. */
interface Version {
  readonly limit: string;
  readonly usage: string;
  /** Fields of `memory.stat`: page cache that can be dropped, of the group and those below it. */
  readonly droppable: readonly string[];
}

const VERSION_1: Version = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  droppable: ['total_inactive_file', 'total_active_file'],
};

const VERSION_2: Version = {
  limit: 'memory.max',
  usage: 'memory.current',
  droppable: ['inactive_file', 'active_file'],
};

/** Version 1 writes nearly 2^63 where there is no limit. */
const NO_LIMIT = 2 ** 60;

interface Swap {
  readonly total: number;
  readonly free: number;
}

/**
 * The tightest memory limit of the control groups of this process, their ancestors included: a process
 * that goes beyond it is killed, and no call fails. Knows versions 1 and 2.
 *
 * @returns `undefined` where there is no limit, or none can be read.
 */
export function readMemoryRoom({
  groups = '/sys/fs/cgroup',
  self = '/proc/self/cgroup',
  meminfo = '/proc/meminfo',
}: MemoryRoomFiles = {}): MemoryRoom | undefined {
  const own = readText(self) ?? '';
  const first = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(own)?.[1];
  const second = /^0::(.*)$/m.exec(own)?.[1];
  const swap = { total: kibibytes(meminfo, 'SwapTotal'), free: kibibytes(meminfo, 'SwapFree') };
  if (first !== undefined) return tightest(posix.join(groups, 'memory'), first, VERSION_1, swap);
  return second === undefined ? undefined : tightest(groups, second, VERSION_2, swap);
}

function tightest(
  mount: string,
  group: string,
  version: Version,
  swap: Swap,
): MemoryRoom | undefined {
  const rooms: MemoryRoom[] = [];
  // In a container the path may be that of the host, and the mount the container's own: what is not
  // there is passed over.
  for (let path = posix.join('/', group); ; path = posix.dirname(path)) {
    const room = roomOf(posix.join(mount, path), version, swap);
    if (room !== undefined) rooms.push(room);
    if (path === '/') break;
  }
  if (rooms.length === 0) return undefined;
  const limit = rooms.reduce((one, other) => (other.limitBytes < one.limitBytes ? other : one));
  return { ...limit, leftBytes: Math.min(...rooms.map(({ leftBytes }) => leftBytes)) };
}

function roomOf(folder: string, version: Version, swap: Swap): MemoryRoom | undefined {
  const file = posix.join(folder, version.limit);
  const limit = readBytes(file);
  const usage = readBytes(posix.join(folder, version.usage));
  if (limit === undefined || usage === undefined || limit >= NO_LIMIT) return undefined;
  const stat = readText(posix.join(folder, 'memory.stat')) ?? '';
  const droppable = version.droppable.reduce((sum, name) => sum + field(stat, name), 0);
  const { total, free } =
    version === VERSION_1 ? swapOf1(folder, limit, swap) : swapOf2(folder, swap);
  return { limitBytes: limit + total, leftBytes: limit - usage + droppable + free, file };
}

/** Version 1 limits memory and swap together, if it does. */
function swapOf1(folder: string, limit: number, swap: Swap): Swap {
  const both = readBytes(posix.join(folder, 'memory.memsw.limit_in_bytes')) ?? NO_LIMIT;
  return { total: Math.min(swap.total, both - limit), free: Math.min(swap.free, both - limit) };
}

/** Version 2 limits swap for itself. */
function swapOf2(folder: string, swap: Swap): Swap {
  const most = readBytes(posix.join(folder, 'memory.swap.max')) ?? 0;
  const used = readBytes(posix.join(folder, 'memory.swap.current')) ?? 0;
  return { total: Math.min(swap.total, most), free: Math.min(swap.free, most - used) };
}

/** A number of bytes, or `max`, which is no limit. */
function readBytes(path: string): number | undefined {
  const text = readText(path)?.trim();
  if (text === undefined || text === '') return undefined;
  return text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name}[: ]+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

function kibibytes(path: string, name: string): number {
  return 1024 * field(readText(path) ?? '', name);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
