import { dispose } from '@pageferry/core';
import { checkResult, type LinuxCalls, Mapping, POLLIN, PROT_READ } from '@pageferry/linux';
import type { Sight } from './observer.js';
import { firstFrame, pageEntries } from './page-frames.js';

/** mman.h: no reading ahead, so that a page that was not touched and is present was there before. */
const MADV_RANDOM = 1;

/** How long a byte may be on its way through the loopback device, in milliseconds. */
const PATIENCE = 2000;

/** Takes pages, and keeps the last one to look at it again. Runs in whichever process observes. */
export class Taker implements Disposable {
  readonly #calls: LinuxCalls;
  #memory: Mapping | undefined;

  constructor(calls: LinuxCalls) {
    this.#calls = calls;
  }

  read(fd: number): Sight {
    const bytes = this.#freshPage();
    checkResult(this.#calls.poll(fd, POLLIN, PATIENCE), 'poll');
    checkResult(this.#calls.read(fd, bytes, 0, bytes.length), 'read');
    return this.look();
  }

  vmsplice(fd: number): Sight {
    const bytes = this.#freshPage();
    checkResult(this.#calls.vmsplice(fd, bytes, 0, bytes.length, 0), 'vmsplice');
    return this.look();
  }

  map(fd: number, byteLength: number): Sight {
    const memory = this.#keep(Mapping.shared(this.#calls, fd, byteLength, PROT_READ));
    checkResult(this.#calls.madvise(memory.buffer, 0, byteLength, MADV_RANDOM), 'madvise');
    const sight = this.look();
    const entries = pageEntries(this.#calls, memory.buffer);
    return { ...sight, presentPages: entries?.filter(({ present }) => present).length };
  }

  look(): Sight {
    const { buffer } = this.#memory as Mapping;
    const value = Atomics.load(new Uint8Array(buffer), 0);
    return { value, frame: firstFrame(this.#calls, buffer) };
  }

  [dispose](): void {
    this.#memory?.close();
  }

  #freshPage(): Uint8Array {
    const memory = this.#keep(Mapping.anonymous(this.#calls, this.#calls.pageSize()));
    return new Uint8Array(memory.buffer).fill(0); // Touched, so that there is a page to overwrite.
  }

  #keep(memory: Mapping): Mapping {
    this.#memory?.close();
    this.#memory = memory;
    return memory;
  }
}
