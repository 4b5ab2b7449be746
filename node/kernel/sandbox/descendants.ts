/** What a program has started, as the system's own table has it: whoever leaves its group, or its parents, is found there too. Linux only: elsewhere none is found. */
import { readdirSync, readFileSync } from 'node:fs';

const table = '/proc';
/** The variable by which what has left its parents is still known, unless it has cleared its environment. */
export const mark_variable = 'AGENTMESH_SANDBOX';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** In ticks since the system was started. */
  readonly started: number;
}

/** A program whose processes are looked for. */
export interface Searched {
  /** Its first process, while that runs: the number of one that has ended may be another's by now. */
  readonly pid: number | undefined;
  /** The mark that it was started with, where its processes are to be looked for by that. */
  readonly mark: string | undefined;
  /** When it was started, as {@link startOf} has it: what is older is none of its own. */
  readonly since: number;
}

/** When a process was started, in ticks since the system was; 0 where that is not known. Source: proc_pid_stat(5). */
export function startOf(pid: number): number {
  return readProcess(pid)[0]?.started ?? 0;
}

/**
 * What signals must reach so that all that a program has started gets them: groups as negative numbers, as kill(2) has
 * them, so that nothing slips away by being started meanwhile, and each process by itself. Under bubblewrap all are
 * descendants, for its first process takes in whoever was left behind; elsewhere these are found by their mark alone.
 */
export function startedBy({ pid, mark, since }: Searched): readonly number[] {
  const all = processes();
  const children = Map.groupBy(all, ({ parent }) => parent);
  const found: Process[] = [];
  const first = pid === undefined ? [] : children.get(pid) ?? [];
  for (let generation = first; generation.length > 0; generation = generation.flatMap((each) => children.get(each.pid) ?? [])) found.push(...generation);
  const marked = mark === undefined ? [] : all.filter((each) => each.started >= since && isMarked(each.pid, mark));
  // The program began a session of its own, so that nobody else can be in the groups of what it has started.
  return [...new Set([...found.map(({ group }) => -group), ...found.map((each) => each.pid), ...marked.map((each) => each.pid)])];
}

/** Source: proc_pid_environ(5). */
function isMarked(pid: number, mark: string): boolean {
  return `\0${read(pid, 'environ')}\0`.includes(`\0${mark_variable}=${mark}\0`);
}

function processes(): readonly Process[] {
  try {
    return readdirSync(table).filter((name) => /^\d+$/.test(name)).flatMap((name) => readProcess(Number(name)));
  } catch {
    return [];
  }
}

function read(pid: number, file: 'stat' | 'environ'): string {
  try {
    return readFileSync(`${table}/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended meanwhile, or is another user's.
    return '';
  }
}

function readProcess(pid: number): readonly Process[] {
  const stat = read(pid, 'stat');
  // The second field is a name in parentheses, which may hold anything; the 22nd is the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  const [, parent = 0, group = 0] = fields;
  const started = fields[19] ?? 0;
  // Threads of the kernel are in no group, and a signal to the group of the first process would go to all.
  return parent > 0 && group > 1 ? [{ pid, parent, group, started }] : [];
}
