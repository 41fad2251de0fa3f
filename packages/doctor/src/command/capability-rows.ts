import type { SystemCapabilities } from '../capabilities/capabilities.js';
import type { Limit, Limits } from '../capabilities/limits.js';
import type { Pipes } from '../capabilities/pipes.js';
import type { Platform } from '../capabilities/platform.js';

/** What a machine allows, as rows of a name and what is to be said. */
export function capabilityRows(capabilities: SystemCapabilities): readonly [string, string][] {
  const { platform, seccomp, systemCalls, pipes, memory, limits, bindings } = capabilities;
  const rows: [string, string][] = [
    ['system', `${platform.system} ${platform.kernel} ${platform.architecture}`],
    ['libc', platform.libc ?? UNKNOWN],
    ['Node', node(platform)],
    ['container', platform.container ?? 'no sign of one'],
    ['seccomp', seccomp],
    ...systemCalls.map(({ call, status, errnoName, signal }): [string, string] => {
      const detail = errnoName ?? signal;
      return [call, detail === undefined ? status : `${status} (${detail})`];
    }),
    ...pipeRows(pipes),
    ['huge pages, private', memory.hugePages ?? UNKNOWN],
    ['huge pages, shared', memory.sharedHugePages ?? UNKNOWN],
    [
      'memfd seals',
      memory.memfdSeals.map((seal) => seal.slice(7).toLowerCase()).join(', ') || 'none',
    ],
    ['/dev/shm', memory.devShmBytes === undefined ? 'none' : formatBytes(memory.devShmBytes)],
    ['memory limit', memoryLimit(limits)],
    ['locked memory', formatLimit(limits.lockedMemory, formatBytes)],
    [
      'descriptors',
      `${limits.openDescriptors ?? UNKNOWN} of ${formatLimit(limits.descriptors, String)}`,
    ],
    ...bindings.map(({ name, reason }): [string, string] => [`binding ${name}`, reason ?? 'loads']),
  ];
  return rows;
}

const UNKNOWN = 'unknown';

function node({ node, electron, runtime }: Platform): string {
  if (runtime !== undefined) return `${runtime}, which answers as ${node}`;
  return electron === undefined ? node : `${node}, Electron ${electron}`;
}

function pipeRows(pipes: Pipes | undefined): [string, string][] {
  if (pipes === undefined) return [];
  const { newBytes, grownBytes, maxBytes, userPagesSoft, userPagesHard } = pipes;
  const size = (bytes: number | undefined) => (bytes === undefined ? UNKNOWN : formatBytes(bytes));
  const pages = (limit: number | undefined) =>
    limit === undefined ? UNKNOWN : limit === 0 ? 'no limit' : `${limit} pages`;
  const bound = pipes.unlimited ? '; they do not bind this process' : '';
  return [
    ['a new pipe', `${size(newBytes)}, grows to ${size(grownBytes)} of ${size(maxBytes)}`],
    ['pipe pages of a user', `soft ${pages(userPagesSoft)}, hard ${pages(userPagesHard)}${bound}`],
    [
      'in use by this user',
      `${pipes.openPipes} pipes, ${pipes.estimatedPages} pages if none was grown`,
    ],
  ];
}

function memoryLimit({ memory }: Limits): string {
  if (memory === undefined) return 'none';
  const left = formatBytes(Math.max(0, memory.leftBytes));
  return `${formatBytes(memory.limitBytes)} for its control group, ${left} left`;
}

function formatLimit(limit: Limit | undefined, format: (value: number) => string): string {
  if (limit === undefined) return UNKNOWN;
  const [soft, hard] = [limit.soft, limit.hard].map((value) =>
    Number.isFinite(value) ? format(value) : 'no limit',
  );
  return soft === hard ? `${soft}` : `${soft} (hard limit ${hard})`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
