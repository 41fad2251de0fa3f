import { dispose } from '@pageferry/core';
import {
  createPipe,
  errnoName,
  type LinuxCalls,
  Mapping,
  Scope,
  SPLICE_F_NONBLOCK,
} from '@pageferry/linux';

/** What vmsplice(2) does on this kernel, for this process. */
export type VmspliceProbe =
  /** The pipe references the pages: nothing is copied. */
  | { readonly result: 'references' }
  /** It works, but the bytes are copied. */
  | { readonly result: 'copies' }
  /** It is refused or missing: `EPERM` (a seccomp filter), `ENOSYS`, `EOPNOTSUPP`, … */
  | { readonly result: 'refused'; readonly errno: number; readonly errnoName: string };

const BEFORE = 1;
const AFTER = 2;

/**
 * Finds out whether vmsplice(2) hands over references: puts a page into a pipe, changes the page,
 * and looks at what arrives. The new value means a reference, the old one a copy.
 *
 * @throws `SYSTEM_CALL_FAILED` if not even a pipe or a page is to be had.
 */
export function probeVmsplice(calls: LinuxCalls): VmspliceProbe {
  const scope = new Scope();
  try {
    const pipe = createPipe(calls);
    const readEnd = scope.own(pipe.readEnd);
    const writeEnd = scope.own(pipe.writeEnd);
    const page = scope.own(Mapping.anonymous(calls, calls.pageSize()));
    return probeWith(calls, readEnd.fd, writeEnd.fd, new Uint8Array(page.buffer));
  } finally {
    scope[dispose]();
  }
}

function probeWith(
  calls: LinuxCalls,
  readFd: number,
  writeFd: number,
  page: Uint8Array,
): VmspliceProbe {
  page[0] = BEFORE;
  const taken = calls.vmsplice(writeFd, page, 0, page.length, SPLICE_F_NONBLOCK);
  if (taken <= 0) {
    return { result: 'refused', errno: -taken, errnoName: errnoName(-taken) };
  }
  page[0] = AFTER;
  const arrived = new Uint8Array(1);
  calls.read(readFd, arrived, 0, 1);
  return { result: arrived[0] === AFTER ? 'references' : 'copies' };
}
