import { type Judgement, ROOMY_PIPE_BYTES } from '../backends/judge-backend.js';
import type { SystemCapabilities } from '../capabilities/capabilities.js';
import { hasPrograms } from '../children/start-program.js';
import type { Probe } from '../probes/probe.js';
import { adviseOnCalls } from './advice-on-calls.js';

/** One thing that is not as it could be. */
export interface Advice {
  /** What is the matter. */
  readonly finding: string;
  /** What to do about it: the sysctl, the container option. */
  readonly remedy: string;
  /** What it costs, or what can go wrong. */
  readonly risk: string;
}

/** Everything that is not as it could be, the worst first. */
export function advise(
  capabilities: SystemCapabilities,
  probes: readonly Probe[],
  judgements: readonly Judgement[],
): readonly Advice[] {
  if (capabilities.platform.system !== 'linux') return [NOT_LINUX];
  return [
    ...adviseOnBindings(capabilities),
    ...adviseOnPrograms(),
    ...adviseOnCalls(capabilities, probes),
    ...adviseOnPipes(capabilities),
    ...adviseOnLimits(capabilities),
    ...adviseOnMemory(capabilities),
    ...adviseOnHugePages(capabilities),
    ...adviseOnPackages(judgements),
  ];
}

const NOT_LINUX: Advice = {
  finding: 'this is not Linux',
  remedy: 'use @pageferry/socket, which has the same API',
  risk: 'none, but it copies',
};

function adviseOnBindings({ bindings, platform }: SystemCapabilities): Advice[] {
  const advice: Advice[] = [];
  const napi = bindings.find(({ name }) => name === 'napi');
  const other = bindings.find(({ loads }) => loads);
  if (napi?.loads === false && platform.runtime !== undefined) {
    advice.push({
      finding: `${platform.runtime} cannot use any binding, and so no backend but socket`,
      remedy: 'run this side with Node, too, if copies matter',
      risk: 'none',
    });
  } else if (napi?.loads === false) {
    advice.push({
      finding: `the native addon does not load: ${napi.reason}`,
      remedy:
        other === undefined
          ? 'npm install @pageferry/vmsplice-ffi, which needs no compiler'
          : `nothing has to be done: ${other.name} makes the calls instead`,
      risk: 'each system call takes a little longer',
    });
  }
  if (platform.electron !== undefined) {
    advice.push({
      finding: 'Electron refuses memory from outside of V8',
      remedy: 'send and receive in a child process that runs plain Node',
      risk: 'none',
    });
  }
  return advice;
}

function adviseOnPrograms(): Advice[] {
  if (hasPrograms()) return [];
  return [
    {
      finding:
        'the doctor was bundled without its programs: it looks within this process, which is less than a proof, and ' +
        'makes calls itself for which a seccomp filter may kill it',
      remedy: 'leave @pageferry/doctor out of the bundle ("external")',
      risk: 'none',
    },
  ];
}

function adviseOnPipes({ pipes }: SystemCapabilities): Advice[] {
  if (pipes?.grownBytes === undefined) return [];
  const advice: Advice[] = [];
  if (pipes.maxBytes < 1 << 20) {
    advice.push({
      finding: `no pipe may have more than ${kibibytes(pipes.maxBytes)}`,
      remedy: 'sysctl -w fs.pipe-max-size=1048576',
      risk: 'what is in a pipe cannot be swapped out',
    });
  }
  if (pipes.grownBytes < Math.min(pipes.maxBytes, 1 << 20)) {
    const slow = pipes.grownBytes < ROOMY_PIPE_BYTES ? ': slower than a socket' : '';
    advice.push({
      finding: `this user has used up its pipes; a new one has ${kibibytes(pipes.grownBytes)}${slow}`,
      remedy: `close pipes, or sysctl -w fs.pipe-user-pages-soft=${4 * (pipes.userPagesSoft || 16384)}`,
      risk: 'every user may then hold that many pages, which cannot be swapped out',
    });
  }
  return advice;
}

/** A transport takes about a dozen descriptors, and Node two dozen. */
const ENOUGH_DESCRIPTORS = 256;

function adviseOnLimits({ limits }: SystemCapabilities): Advice[] {
  const { descriptors } = limits;
  if (descriptors === undefined || descriptors.soft >= ENOUGH_DESCRIPTORS) return [];
  return [
    {
      finding: `a process may have no more than ${descriptors.soft} descriptors`,
      remedy: 'ulimit -n 1024 (in a container: --ulimit nofile=1024)',
      risk: 'none up to 1024; select(2) fails above that',
    },
  ];
}

/** What a sender's pool may become unless it is told otherwise. */
const DEFAULT_POOL_BYTES = 64 << 20;

function adviseOnMemory({ limits }: SystemCapabilities): Advice[] {
  const { memory } = limits;
  if (memory === undefined || memory.leftBytes >= DEFAULT_POOL_BYTES) return [];
  const left = kibibytes(Math.max(0, Math.floor(memory.leftBytes / 1024) * 1024));
  return [
    {
      finding: `${left} are left below the memory limit of this process: a full pool has it killed`,
      remedy: `give senders fewer poolBytes, or raise ${memory.file} (docker: --memory)`,
      risk: 'fewer poolBytes: senders wait earlier for receivers',
    },
  ];
}

function adviseOnHugePages({ memory }: SystemCapabilities): Advice[] {
  const advice: Advice[] = [];
  const folder = '/sys/kernel/mm/transparent_hugepage';
  if (memory.hugePages === 'never') {
    advice.push({
      finding: 'private memory gets no huge pages: large messages take longer',
      remedy: `echo madvise > ${folder}/enabled`,
      risk: 'programs that ask for them may take more memory',
    });
  }
  if (memory.sharedHugePages === 'never' || memory.sharedHugePages === 'deny') {
    advice.push({
      finding: 'shared memory gets no huge pages: large messages take longer',
      remedy: `echo advise > ${folder}/shmem_enabled`,
      risk: 'programs that ask for them may take more memory',
    });
  }
  return advice;
}

function adviseOnPackages(judgements: readonly Judgement[]): Advice[] {
  return judgements.flatMap(({ missing, report }) =>
    missing
      ? {
          finding: `${report.name} is not installed`,
          remedy: `npm install @pageferry/${report.name}`,
          risk: 'none',
        }
      : [],
  );
}

function kibibytes(bytes: number): string {
  return `${bytes / 1024} KiB`;
}
