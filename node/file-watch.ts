import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { messageOf } from '../crypto/result.ts';
import type { Recorder } from '../protocols/ports.ts';
import type { WatchFile } from './host-policies.ts';

/**
 * Watches files of this host through their folders, since editors put a new file
 * in the place of the old one. A folder that cannot be watched is told of once;
 * its files can still be read again when somebody says so.
 */
export function fileWatch(recorder: Recorder): WatchFile {
  return (file, changed) => {
    const name = basename(file);
    const failed = (error: unknown): void => recorder.record({ kind: 'policy.unwatched', file, reason: messageOf(error) });
    try {
      // What begins with two dots is how folders of links are swapped as a whole.
      const watcher = watch(dirname(file), { persistent: false }, (_, changed_name) => {
        if (changed_name === null || changed_name === name || changed_name.startsWith('..')) changed();
      });
      watcher.on('error', (error) => {
        failed(error);
        watcher.close();
      });
      return () => watcher.close();
    } catch (error) {
      failed(error);
      return () => undefined;
    }
  };
}
