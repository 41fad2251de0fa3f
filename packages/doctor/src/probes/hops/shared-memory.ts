import { dispose } from '@pageferry/core';
import { createSealedMemory, Mapping, PROT_READ, PROT_WRITE, Scope } from '@pageferry/linux';
import { findingWithFrames } from '../finding.js';
import { TestedPages } from '../source.js';
import type { Hop } from './hop.js';

/** A sealed memfd that two processes map. */
export const mmapMemfdHop: Hop = {
  name: 'mmap-memfd',
  async probe({ calls, observer }) {
    const byteLength = calls.pageSize();
    const scope = new Scope();
    try {
      const memfd = scope.own(createSealedMemory(calls, 'pageferry-doctor', byteLength));
      const memory = Mapping.shared(calls, memfd.fd, byteLength, PROT_READ | PROT_WRITE);
      const pages = scope.own(new TestedPages(calls, memory));
      await observer.map(memfd.fd, byteLength);
      pages.change();
      return findingWithFrames(observer, pages, await observer.look());
    } finally {
      scope[dispose]();
    }
  },
};
