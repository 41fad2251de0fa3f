import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Whether there is one to be started: `apt-get install ffmpeg`. */
export const hasFfmpeg: boolean =
  spawnSync('ffmpeg', ['-version'], { stdio: 'ignore' }).status === 0;

/** What to say after the title of a test that needs it. */
export const withoutFfmpeg: string = hasFfmpeg ? '' : ' (not here: there is no ffmpeg)';

/**
 * The MD5 checksums of frames as RGBA, as ffmpeg itself makes them.
 *
 * @param input the arguments that say what it reads.
 */
export async function frameSums(input: readonly string[]): Promise<readonly string[]> {
  const args = ['-loglevel', 'error', ...input, '-pix_fmt', 'rgba', '-f', 'framemd5', '-'];
  const { stdout } = await promisify(execFile)('ffmpeg', args);
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => line.split(',').at(-1)?.trim() ?? '');
}
