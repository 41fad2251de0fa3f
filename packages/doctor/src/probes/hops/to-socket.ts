import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dispose, lacksNetwork } from '@pageferry/core';
import { AF_UNIX, checkResult, OwnedFd, Scope, SOCK_NONBLOCK, SOCK_STREAM } from '@pageferry/linux';
import { findingOf } from '../finding.js';
import { type Bench, type Hop, loadPipe } from './hop.js';

/** Pipe to a Unix socket. */
export const spliceUnixSocketHop: Hop = {
  name: 'splice-unix-socket',
  async probe(bench) {
    const ends = new Int32Array(2);
    const type = SOCK_STREAM | SOCK_NONBLOCK;
    checkResult(bench.calls.socketpair(AF_UNIX, type, 0, ends), 'socketpair');
    const scope = new Scope();
    try {
      const near = scope.own(new OwnedFd(bench.calls, ends[0] as number));
      const far = scope.own(new OwnedFd(bench.calls, ends[1] as number));
      return await probe(bench, near.fd, far.fd);
    } finally {
      scope[dispose]();
    }
  },
};

/** Pipe to a TCP connection over the loopback device. */
export const spliceTcpLoopbackHop: Hop = {
  name: 'splice-tcp-loopback',
  async probe(bench) {
    // Node tells of that after the call to listen, where nobody could catch it.
    if (lacksNetwork()) throw new Error('--permission allows no sockets without --allow-net');
    // Paused, Node leaves the bytes for the observer.
    const server = createServer({ pauseOnConnect: true });
    const sockets: Socket[] = [];
    try {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const near = connect({ port: portOf(server), host: '127.0.0.1' });
      sockets.push(near);
      near.pause();
      const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
      sockets.push(far);
      return await probe(bench, descriptorOf(near), descriptorOf(far));
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  },
};

async function probe({ calls, observer }: Bench, near: number, far: number) {
  const scope = new Scope();
  try {
    const pipe = scope.own(loadPipe(calls));
    checkResult(calls.splice(pipe.readEnd.fd, near, calls.pageSize(), 0), 'splice');
    pipe.pages.change();
    return findingOf(observer, await observer.read(far));
  } finally {
    scope[dispose]();
  }
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port;
}

/** `_handle.fd` is undocumented but stable. The descriptor stays the socket's. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}
