import { readdirSync, readlinkSync } from 'node:fs';
import { AF_UNIX, type LinuxCalls, SOCK_SEQPACKET } from '@pageferry/linux';
import { hangUp, hear, runScenario, succeed, tell } from './peer-program.js';

/** Connects to the path that the parent names, and stays until it is told to leave. */
async function connect(calls: LinuxCalls): Promise<void> {
  const path = await hear();
  const socket = succeed(calls.socket(AF_UNIX, SOCK_SEQPACKET, 0));
  succeed(calls.connectUnix(socket, String(path)));
  await tell('connected');
  await hear();
  hangUp();
}

/** Tells the parent which descriptors this process was born with. */
async function listDescriptors(): Promise<void> {
  const seen: Record<string, string> = {};
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      seen[fd] = readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the listing itself is gone by now.
    }
  }
  await tell(seen);
  hangUp();
}

await runScenario({ connect, 'list-descriptors': listDescriptors });
