// Before a package is published from its folder, which `pnpm release` does not do: refuses what is no release.
import { existsSync, readFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
const changelog = existsSync('CHANGELOG.md') ? readFileSync('CHANGELOG.md', 'utf8') : '';
if (!changelog.split('\n').includes(`## ${version}`)) {
  process.stderr.write(
    `${name} ${version} is no release: its CHANGELOG.md does not speak of it. Publish with \`pnpm release\`.\n`,
  );
  process.exit(1);
}
