import { writeFileSync } from 'node:fs';

writeFileSync(process.env['PAGEFERRY_BEGINS_TO_LOAD'] ?? '', '');
await new Promise(() => undefined);
