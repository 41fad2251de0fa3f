import { sharedMmap } from '@pageferry/shared-mmap';
import { describeInheritance } from '../../connection/test/support/inheritance.js';

describeInheritance({
  transport: sharedMmap,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
});
