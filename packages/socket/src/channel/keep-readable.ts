import { Socket } from 'node:net';
import { clock } from '@pageferry/core';
import { isHungUp } from '../sending/socket-failure.js';

type Done = (error?: Error | null) => void;

/**
 * Has a socket stay readable when writing to it fails because the other end is gone: what that has sent before is
 * still to be had. Node would destroy the socket.
 *
 * @param onHungUp called soon after such a failure: the other end takes nothing more. What is written from then on
 *   goes nowhere.
 */
export function keepReadable(socket: Socket, onHungUp: () => void): void {
  const { _write: write, _writev: writeMany } = Socket.prototype;
  const settled = (done: Done): Done => {
    return (error) => {
      if (!error || !isHungUp(error)) return done(error);
      // Not here: it may be in the middle of a call that sends.
      clock.nextTick(onHungUp);
      done();
    };
  };
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, settled(done));
  socket._writev = (chunks, done) => writeMany?.call(socket, chunks, settled(done));
}
