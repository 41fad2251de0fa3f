// Puts the content of the site together: the pages of the repository, and the reference.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { copyPages } from './pages.js';
import { writeReference } from './reference.js';

const root = join(import.meta.dirname, '../../..');
const content = join(import.meta.dirname, '../content');

rmSync(content, { recursive: true, force: true });
copyPages(root, content);
await writeReference(root, content);
