// npm, which everybody has.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../release/commands.js';
import { environmentFor } from '../packed.js';
import { attempt } from '../section.js';

/** @type {import('../section.js').Section} */
export const section = {
  name: 'npm',
  async *run({ registry, folder, node }) {
    const env = environmentFor(registry, folder);
    yield attempt('install pageferry, and import it', async () => {
      writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
      await run(['npm', 'install', 'pageferry'], { cwd: folder, env });
      const program =
        "import { openBestSender } from 'pageferry'; console.log(typeof openBestSender)";
      const { stdout } = await run([node, '--input-type=module', '-e', program], {
        cwd: folder,
        env,
      });
      if (stdout.trim() !== 'function') throw new Error(`it printed ${stdout}`);
    });
  },
};
