/** The help topics. */
import { printLines } from '../ask.ts';
import type { Context } from '../context.ts';
import { exit_code_texts, exit_codes } from '../exit.ts';
import { details } from '../view/table.ts';

const variables: readonly (readonly [name: string, text: string])[] = [
  ['AGENTMESH_DATA', 'data folder of the node, where --data is not given'],
  ['AGENTMESH_PASSPHRASE', 'passphrase that seals the keys, where --passphrase-file is not given'],
  ['XDG_DATA_HOME', 'the user\'s data folder; the default data folder is agentmesh below it'],
  ['XDG_CACHE_HOME', 'the user\'s cache folder; compiled code is kept in agentmesh below it'],
  ['NO_COLOR', 'when set, output has no colour'],
  ['NODE_DISABLE_COMPILE_CACHE', 'when 1, no compiled code is kept'],
];

/** `agentmesh help environment`. */
export function environment(context: Context): void {
  printLines(context, details(variables));
}

/** `agentmesh help exit-codes`. */
export function exitCodes(context: Context): void {
  const names = ['ok', 'failed', 'usage', 'not_running', 'denied', 'damaged'] as const;
  printLines(context, details(names.map((name) => [String(exit_codes[name]), exit_code_texts[name]] as const)));
}
