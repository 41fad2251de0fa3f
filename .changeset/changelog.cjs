// What a changelog says: the sentences of the changesets. Who reads it wants neither the hashes of commits nor a list of
// the packages of the same release, which are versioned together.
module.exports = {
  default: {
    getReleaseLine: async ({ summary }) => {
      const [first, ...rest] = summary.trim().split('\n');
      return [`- ${first}`, ...rest.map((line) => (line === '' ? '' : `  ${line}`))].join('\n');
    },
    getDependencyReleaseLine: async () => '',
  },
};
