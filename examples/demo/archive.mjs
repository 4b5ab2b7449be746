// The handler of the demo's agents: reads answer with what was asked for, writes append one line to a file.
import { appendFile } from 'node:fs/promises';

export default async function archive({ command, arguments: given, caller }) {
  if (command.startsWith('write:')) {
    await appendFile(given.file, `${given.line}\n`);
    return { written: given.line };
  }
  return { command, caller, rows: [{ quarter: 'Q3', revenue: 1_204_000 }] };
}
