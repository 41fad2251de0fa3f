import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openDestination } from '../dist/destination.js';
import { folder, inFolder } from './cli.js';

const { signal } = new AbortController();
const modeOf = (name: string): number => statSync(inFolder(name)).mode & 0o7777;

/** The mode of the file that has no name yet. */
function modeOfPart(): number {
  const [part = 'none'] = readdirSync(folder).filter((name) => name.endsWith('.part'));
  return modeOf(part);
}

describe.skipIf(process.platform === 'win32')('a file that grows', () => {
  it.each(['600', '640', '666', '4711'])(
    'is for nobody else to read before it is whole, where it replaces one of mode %s',
    async (octal) => {
      const mode = Number.parseInt(octal, 8);
      writeFileSync(inFolder('out'), 'old');
      chmodSync(inFolder('out'), mode);
      await using destination = await openDestination(inFolder('out'), signal);
      // Its group is not that of the file in its place yet: what that may read is not for this one.
      expect(modeOfPart()).toBe(0o600);
      await destination.finish();
      expect(modeOf('out')).toBe(mode);
    },
  );

  it('has the mode of any new file where there is none yet', async () => {
    await using destination = await openDestination(inFolder('out'), signal);
    const mode = 0o666 & ~process.umask();
    expect(modeOfPart()).toBe(mode);
    await destination.finish();
    expect(modeOf('out')).toBe(mode);
  });
});
