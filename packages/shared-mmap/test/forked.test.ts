import { sharedMmap } from '@pageferry/shared-mmap';
import { describeForks } from '../../connection/test/support/forks.js';

describeForks({
  transport: sharedMmap,
  moduleUrl: new URL('../dist/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
});
