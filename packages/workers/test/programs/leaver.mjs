// Starts a child whom it meets in a folder, and leaves without closing anything.
import { fork } from '@pageferry/workers';

await fork(new URL('echo.mjs', import.meta.url), { transportModule: '@pageferry/socket' });
process.exit(5);
