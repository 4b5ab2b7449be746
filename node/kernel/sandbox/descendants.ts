/** What a process has started, as the system's own table has it: whoever leaves its group is found there too. */
import { readdirSync, readFileSync } from 'node:fs';

const table = '/proc';

/**
 * The processes that descend from one, nearest first. Whoever was left behind by a
 * parent that has ended is no descendant any more, unless under bubblewrap, whose
 * first process takes such in. Linux only: elsewhere none is found. Source: proc_pid_stat(5).
 */
export function descendantsOf(pid: number): readonly number[] {
  const children = Map.groupBy(processes(), parentOf);
  const found: number[] = [];
  for (let generation = children.get(pid) ?? []; generation.length > 0; generation = generation.flatMap((each) => children.get(each) ?? [])) found.push(...generation);
  return found;
}

function processes(): readonly number[] {
  try {
    return readdirSync(table).filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`${table}/${pid}/stat`, 'latin1');
    // The second field is a name in parentheses, which may hold anything.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
