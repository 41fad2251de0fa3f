// A receiver that keeps a message, and whose child has its sockets and pipes, as one that was forked without
// a program of its own would have them (Node itself cannot be forked): `program MODULE EXPORT ENDPOINT`.
// Tells of the child, which the parent's parent has to end.
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import type { Transport } from '@pageferry/core';

const [module = '', name = '', endpoint = ''] = process.argv.slice(2);
const transport: Transport = (await import(module))[name];

/** What a descriptor is. */
function kindOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // It was that of the listing.
  }
}

const receiver = await transport.createReceiver({ endpoint });
const held = await receiver.receive();
/** All but what it talks to its own parent through. */
const isShared = (fd: string): boolean => Number(fd) > 3 && /^(socket|pipe):/.test(kindOf(fd));
const shared = readdirSync('/proc/self/fd').filter(isShared).map(Number);
const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', ...shared] });
child.once('spawn', () => process.send?.(child.pid));
setInterval(() => held, 1000);
