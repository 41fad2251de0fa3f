import { dispose } from '@pageferry/core';
import type { LinuxCalls } from '@pageferry/linux';
import type { Observer, Sight } from './observer.js';
import { Taker } from './taker.js';

/** Observes within this process: microseconds instead of the start of a second one. */
export class ThisProcess implements Observer {
  readonly name = 'a second look';
  readonly usable = true;
  readonly #taker: Taker;

  constructor(calls: LinuxCalls) {
    this.#taker = new Taker(calls);
  }

  async read(fd: number): Promise<Sight> {
    return this.#taker.read(fd);
  }

  async vmsplice(fd: number): Promise<Sight> {
    return this.#taker.vmsplice(fd);
  }

  async map(fd: number, byteLength: number): Promise<Sight> {
    return this.#taker.map(fd, byteLength);
  }

  async look(): Promise<Sight> {
    return this.#taker.look();
  }

  [dispose](): void {
    this.#taker[dispose]();
  }
}
