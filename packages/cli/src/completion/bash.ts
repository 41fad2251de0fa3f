import type { CommandSpec } from '../command/spec.js';
import { optionsOf } from './words.js';

/** Completion for bash. */
export function forBash(commands: readonly CommandSpec[]): string {
  const cases = commands.map((spec) => {
    const options = optionsOf(spec);
    const choices = options.flatMap(([name, { choices: words }]) =>
      words === undefined ? [] : [`      --${name}) words='${words.join(' ')}' ;;`],
    );
    const withValue = options.flatMap(([name, { value, short, choices: words }]) => {
      if (value === undefined || words !== undefined) return [];
      return [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
    });
    const values = withValue.length === 0 ? [] : [`      ${withValue.join('|')}) kind=file ;;`];
    const kinds = spec.completes.map((kind, index) => {
      const isLast = index === spec.completes.length - 1;
      return `        ${isLast ? '*' : index}) kind=${kind} ;;`;
    });
    return `    ${spec.name})
      options='${options.map(([name]) => `--${name}`).join(' ')}'
      case $place in
${kinds.length === 0 ? '        *) kind=nothing ;;' : kinds.join('\n')}
      esac
      case $previous in
${[...choices, ...values, '      *) ;;'].join('\n')}
      esac ;;`;
  });
  return `# bash completion for pageferry
_pageferry() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} options='' words='' kind=nothing place=0 index
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} help' -- "$current"))
    return
  fi
  for ((index = 2; index < COMP_CWORD; index++)); do
    [[ \${COMP_WORDS[index]} == -* ]] || ((place++))
  done
  case $command in
${cases.join('\n')}
    *) return ;;
  esac
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    case $kind in
      endpoint) COMPREPLY=($(compgen -W "$(pageferry list --names 2>/dev/null)" -- "$current") $(compgen -f -- "$current")) ;;
      file) COMPREPLY=($(compgen -f -- "$current")) ;;
      shell) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current")) ;;
    esac
  fi
}
complete -o filenames -F _pageferry pageferry
`;
}
