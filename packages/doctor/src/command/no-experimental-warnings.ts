/**
 * Node warns of what is experimental when the doctor looks whether it is there. That is no news of this machine, and
 * would stand before the report.
 */
export function omitExperimentalWarnings(): void {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning') return;
    for (const print of printers) print(warning);
  });
}
