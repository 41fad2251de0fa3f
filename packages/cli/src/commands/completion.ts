import { COMMANDS } from '../command/commands.js';
import { UsageError } from '../command/parse.js';
import { type Run, STATUS } from '../command/spec.js';
import { forBash } from '../completion/bash.js';
import { forFish } from '../completion/fish.js';
import { forZsh } from '../completion/zsh.js';

const SHELLS = { bash: forBash, zsh: forZsh, fish: forFish };

/** `pageferry completion`. */
export const run: Run = async ({ positionals: [shell] }, { write }) => {
  if (!Object.hasOwn(SHELLS, shell ?? '')) {
    throw new UsageError(`there is nothing for ${shell}, only for bash, zsh and fish`);
  }
  await write(SHELLS[shell as keyof typeof SHELLS](COMMANDS));
  return STATUS.done;
};
