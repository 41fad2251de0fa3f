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
  /** The backend's own. */
  readonly spawnPiped: SpawnPiped;
  /** The backend's own. */
  readonly openPipeWriter: (options: PipeWriterOptions) => Promise<PipeWriter>;
  /** The backend's own. */
  readonly openPipeReader: (options: PipeReaderOptions) => Promise<PipeReader>;
  /** The backend's own. */
  readonly openPipe: () => Pipe;
  /** URL of the built module that exports these four under their names: processes of the suite import it. */
  readonly moduleUrl: string;
}
