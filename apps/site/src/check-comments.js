// Fails where something that a package exports has no doc comment.
import { join } from 'node:path';
import { undocumented } from './reference.js';

const sentences = await undocumented(join(import.meta.dirname, '../../..'));
for (const sentence of sentences) process.stderr.write(`${sentence}\n`);
if (sentences.length > 0) process.exit(1);
process.stdout.write('all that the packages export has a doc comment\n');
