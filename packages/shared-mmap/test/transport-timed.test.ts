import { describeTransport } from '@pageferry/conformance';
import { sharedMmapTimed } from './programs/with-timed-watchers.js';

// What Bun and Deno have: neither lets an addon wait on its event loop.
describeTransport({
  transport: sharedMmapTimed,
  moduleUrl: new URL('./programs/with-timed-watchers.js', import.meta.url).href,
  exportName: 'sharedMmapTimed',
});
