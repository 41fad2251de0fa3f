/**
 * A vitest reporter whose last line is `N passed, N failed, N skipped`, for programs that read the
 * output. Errors outside of tests, and files that could not be loaded, count as failed.
 *
 * @implements {import('vitest/node').Reporter}
 */
export default class ClosingLineReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state]++;
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) {
        count.failed++;
      }
    }
    const skipped = count.skipped + count.pending;
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${skipped} skipped\n`);
  }
}
