import { describeTransport } from '@pageferry/conformance';
import { sharedMmap } from '@pageferry/shared-mmap';

describeTransport({
  transport: sharedMmap,
  moduleUrl: new URL('../bundle/index.js', import.meta.url).href,
  exportName: 'sharedMmap',
});
