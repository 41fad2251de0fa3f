import type { CommandSpec } from '../spec.js';

/** `pageferry completion`. */
export const completion: CommandSpec = {
  name: 'completion',
  summary: 'Print what makes a shell complete commands, options and names',
  usage: 'bash|zsh|fish',
  count: [1, 1],
  completes: ['shell'],
  options: {},
  examples: [
    ['completion bash >> ~/.bash_completion', 'for bash'],
    ['completion zsh > ~/.zfunc/_pageferry', 'for zsh, with that folder in its fpath'],
    ['completion fish > ~/.config/fish/completions/pageferry.fish', 'for fish'],
  ],
  load: () => import('../../commands/completion.js'),
};
