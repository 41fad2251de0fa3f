#!/usr/bin/env node
/** `pageferry COMMAND`: the commands of `@pageferry/cli`, under the name that `npx pageferry` finds. */
import '@pageferry/cli/command';
