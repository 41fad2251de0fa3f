import type {
  PipeReader,
  PipeReaderOptions,
  PipeWriter,
  PipeWriterOptions,
  SpawnPiped,
} from '@pageferry/core';
import type { Pipe } from '@pageferry/linux';

/** What writes into pipes of foreign programs and reads out of them, as it registers for the suite. */
export interface PipeProgramsRegistration {
  /** Title of the suite, for example the package's name. */
  readonly name: string;
  readonly spawnPiped: SpawnPiped;
  readonly openPipeWriter: (options: PipeWriterOptions) => Promise<PipeWriter>;
  readonly openPipeReader: (options: PipeReaderOptions) => Promise<PipeReader>;
  readonly openPipe: () => Pipe;
  /** URL of the built module that exports these four under their names: processes of the suite import it. */
  readonly moduleUrl: string;
}
