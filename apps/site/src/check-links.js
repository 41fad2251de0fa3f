// Fails where a page of the built site leads to a page, a file or a heading that is not there.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadLinks } from './dead-links.js';

const dist = join(import.meta.dirname, '../dist');
const files = new Map(
  readdirSync(dist, { recursive: true, encoding: 'utf8' }).map((path) => [
    path,
    path.endsWith('.html') ? readFileSync(join(dist, path), 'utf8') : '',
  ]),
);
const dead = deadLinks(files);
for (const line of dead) process.stderr.write(`${line}\n`);
if (dead.length > 0) process.exit(1);
process.stdout.write(`${files.size} files of the site: no dead link\n`);
