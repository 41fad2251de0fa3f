// Puts the content of the site together: the pages of the repository, and the reference.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyPages } from './pages.js';
import { writeReference } from './reference.js';

const root = join(import.meta.dirname, '../../..');
const content = join(import.meta.dirname, '../content');

await rm(content, { recursive: true, force: true });
copyPages(root, content);
await writeReference(root, content);
