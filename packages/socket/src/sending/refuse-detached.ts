import type { Socket } from 'node:net';
import { PageferryError } from '@pageferry/core';

/**
 * Ends a connection with `BYTES_DETACHED` rather than write a chunk whose memory is gone. Node keeps
 * chunks until the socket takes them, and a program that kept a view of a loan can have the memory
 * moved on meanwhile. Without its bytes the receiver would take what follows for that message.
 *
 * @param socket on which no chunk is empty otherwise.
 */
export function refuseDetached(socket: Socket): void {
  const write = socket._write;
  // The type leaves it open whether a stream has it; sockets do.
  const writeMany = socket._writev as NonNullable<Socket['_writev']>;
  socket._write = (chunk: Buffer, encoding, done) => {
    if (chunk.length === 0) done(detachedUnderWay());
    else write.call(socket, chunk, encoding, done);
  };
  socket._writev = (chunks, done) => {
    const first = chunks.findIndex(({ chunk }) => chunk.length === 0);
    if (first < 0) writeMany.call(socket, chunks, done);
    else if (first === 0) done(detachedUnderWay());
    else
      writeMany.call(socket, chunks.slice(0, first), (error) => done(error ?? detachedUnderWay()));
  };
}

/** The error for a message whose memory is gone before all of it was written. */
export function detachedUnderWay(): PageferryError {
  return new PageferryError(
    'BYTES_DETACHED',
    'the program had another API take over a view that it kept of a loan, before all of that message ' +
      'had left. Pass a copy to such an API',
  );
}
