/** The commands about the keys of a data folder: their flags and help. */
import { buildCommand, buildRouteMap, type Command, type RouteMap } from '@stricli/core';
import type { KeysExportFlags, KeysFlags, KeysImportFlags, KeysPassphraseFlags } from '../commands/keys.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, textFlag } from '../flags.ts';

const folder_brief = 'File with the passphrase that seals the keys of the folder (or set AGENTMESH_PASSPHRASE)';
const bundle_flags = {
  passphraseFile: textFlag('file', 'File with the passphrase that seals the exported identity'),
  folderPassphraseFile: textFlag('file', folder_brief),
};

const list: Command<Context> = buildCommand<KeysFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/keys.ts')).keysList),
  parameters: { flags: { ...common_flags, passphraseFile: textFlag('file', folder_brief) } },
  docs: docs('List the keys of a data folder', 'Lists the keys by name and fingerprint, never a secret. While a node runs on the folder, it is not said whose they are.', ['keys list', 'keys list --data /tmp/second --json']),
});

const passphrase: Command<Context> = buildCommand<KeysPassphraseFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/keys.ts')).keysPassphrase),
  parameters: {
    flags: {
      ...common_flags,
      passphraseFile: textFlag('file', folder_brief),
      newPassphraseFile: textFlag('file', 'File with the new passphrase'),
      remove: { kind: 'boolean', default: false, withNegated: false, brief: 'Seal the keys no longer' },
    },
  },
  docs: docs('Change the passphrase that seals the keys', 'Seals the keys of a data folder with another passphrase, or with none. No node may run on it.', [
    'keys passphrase --new-passphrase-file new.txt', 'keys passphrase --passphrase-file old.txt --new-passphrase-file new.txt', 'keys passphrase --passphrase-file old.txt --remove',
  ]),
});

const exported: Command<Context> = buildCommand<KeysExportFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/keys.ts')).keysExport),
  parameters: {
    flags: { ...common_flags, ...bundle_flags, out: neededFlag('file', 'File to write; it must not exist') },
    positional: { kind: 'tuple', parameters: [argument('who', 'Name or DID of a sponsor or agent whose keys are here')] },
  },
  docs: docs('Export an identity with its keys', 'Writes the keys, the history and the settings of one identity into a file that a passphrase seals. No node may run on the folder.', [
    'keys export alice@company.com --out alice.keys --passphrase-file travel.txt',
  ]),
});

const imported: Command<Context> = buildCommand<KeysImportFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/keys.ts')).keysImport),
  parameters: {
    flags: { ...common_flags, ...bundle_flags },
    positional: { kind: 'tuple', parameters: [argument('file', 'File that keys export has written')] },
  },
  docs: docs('Import an identity with its keys', 'Takes an exported identity into a data folder on which no node runs. Its name and its DID must be new there.', [
    'keys import alice.keys --passphrase-file travel.txt --data /tmp/second',
  ]),
});

/** `agentmesh keys`. */
export const keys_routes: RouteMap<Context> = buildRouteMap({ routes: { list, passphrase, export: exported, import: imported }, docs: { brief: 'Keys of a data folder: list, seal, move' } });
