import { readFileSync } from 'node:fs';

/** The package's version. Its package.json lies one folder up in a clone, two in the published package. */
export function packageVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8'));
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed && typeof parsed.version === 'string') return parsed.version;
    } catch {
      // Not there: it is the other place.
    }
  }
  return 'unknown';
}
