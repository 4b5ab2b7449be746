/** What a command gets: the two output streams, the environment, and what the terminal can show. */
import { styleText } from 'node:util';
import type { CommandContext } from '@stricli/core';
import { jsonText } from './view/text.ts';

const terminal_columns = 80;

/** Colours and weights used in the output. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** The environment variables of the process. */
export type Environment = Readonly<Partial<Record<string, string>>>;

/** An output stream, which may be a terminal. */
export interface Screen extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** Characters a line, of a terminal. */
  readonly columns?: number;
  getColorDepth?(environment?: Environment): number;
}

/** The process as a command sees it. */
export interface CliProcess {
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly env: Environment;
  exitCode?: number | string | null | undefined;
  /** The wall clock in Unix milliseconds, for texts such as `3 min ago`; the machine's if not given. */
  readonly now_ms?: () => number;
}

/** Writes a line and waits until it is taken, so that a slow reader holds us back instead of filling the memory. False where nobody reads any more, as behind `| head`. */
export async function lineTaken(screen: Screen, line: string): Promise<boolean> {
  if (!screen.writable) return false;
  if (screen.write(`${line}\n`)) return true;
  const events = ['drain', 'close', 'error'] as const;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      for (const event of events) screen.removeListener(event, done);
      resolve();
    };
    for (const event of events) screen.on(event, done);
  });
  return screen.writable;
}

/** What every command is called with as `this`. */
export interface Context extends CommandContext {
  readonly process: CliProcess;
  /** The width of the terminal; without a terminal there is no bound. */
  readonly width: number;
  /** The wall clock, in Unix milliseconds. */
  now_ms(): number;
  /** Writes a line of the result to stdout. */
  print(line?: string): void;
  /** Writes the result as one JSON document to stdout. */
  printJson(value: unknown): void;
  /** Writes a line of talk to stderr. */
  talk(line: string): void;
  /** The text in a style, where stdout shows colour: a terminal, and no NO_COLOR. */
  paint(style: Style, text: string): string;
}

/** The context of a real process. */
export function createContext(process: CliProcess): Context {
  const { stdout, stderr } = process;
  return {
    process,
    now_ms: process.now_ms ?? (() => Date.now()),
    width: stdout.isTTY === true ? stdout.columns ?? terminal_columns : Number.POSITIVE_INFINITY,
    print: (line = '') => void stdout.write(`${line}\n`),
    printJson: (value) => void stdout.write(`${jsonText(value)}\n`),
    talk: (line) => void stderr.write(`${line}\n`),
    paint: (style, text) => styleText(style, text, { stream: stdout }),
  };
}
