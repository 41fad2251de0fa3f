import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(process.env.PROJECT_FOLDER ?? tmpdir(), 'meet-'));
let count = 0;

/** A path that nobody else uses. */
export function freshEndpoint() {
  return join(folder, `${count++}.sock`);
}
