import { release } from 'node:os';
import { glibcVersion, otherRuntime } from '@pageferry/linux';
import { readText } from './proc.js';

/** What this process runs on. */
export interface Platform {
  readonly system: NodeJS.Platform;
  readonly kernel: string;
  readonly architecture: string;
  /** `glibc` or `musl` and its version, where they are known. */
  readonly libc: string | undefined;
  readonly node: string;
  /** The runtime, with its version, where it is not Node but answers as that version of Node. */
  readonly runtime: string | undefined;
  /** Version of Electron, inside of which external memory is refused. */
  readonly electron: string | undefined;
  /** What says that this is a container, or `undefined` where nothing does. */
  readonly container: string | undefined;
}

/** Finds out what this process runs on. */
export function examinePlatform(): Platform {
  return {
    system: process.platform,
    kernel: release(),
    architecture: process.arch,
    libc: process.platform === 'linux' ? findLibc() : undefined,
    node: process.version,
    runtime: otherRuntime(),
    electron: process.versions['electron'],
    container: process.platform === 'linux' ? findContainer() : undefined,
  };
}

function findLibc(): string | undefined {
  const { report } = process;
  if (report === undefined) return undefined;
  const version = glibcVersion();
  if (version !== undefined) return `glibc ${version}`;
  (report as { excludeNetwork?: boolean }).excludeNetwork = true; // It would look names up.
  const { sharedObjects } = report.getReport() as unknown as {
    readonly sharedObjects: readonly string[];
  };
  return sharedObjects.some((path) => path.includes('musl')) ? 'musl' : undefined;
}

/** Each sign is what its manager documents; a container may hide all of them. */
function findContainer(): string | undefined {
  if (readText('/.dockerenv') !== undefined) return 'Docker: /.dockerenv';
  if (readText('/run/.containerenv') !== undefined) return 'Podman: /run/.containerenv';
  const named = process.env['container'] || readText('/run/systemd/container')?.trim();
  if (named) return `${named}: named by the environment`;
  if (process.env['KUBERNETES_SERVICE_HOST']) return 'Kubernetes: its environment variables';
  const manager = /\b(docker|kubepods|containerd|libpod|lxc)\b/.exec(
    readText('/proc/1/cgroup') ?? '',
  );
  return manager === null ? undefined : `${manager[1]}: /proc/1/cgroup`;
}
