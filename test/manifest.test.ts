/** What a clone installs: exact versions from a complete lock, which names no host and runs no script. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from './harness.ts';

type Table = { readonly [name: string]: unknown };

function tableIn(value: unknown): Table {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function readTable(path: string): Table {
  return tableIn(JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')));
}

const dependency_kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;
const manifests = ['package.json', 'tools/node24/package.json'].map(readTable);
const locked = Object.entries(tableIn(readTable('package-lock.json')['packages'])).map(([place, entry]) => [place, tableIn(entry)] as const);

/** Where Node finds a package that is asked for from a place in the tree, if the lock has it. */
function placeOf(places: ReadonlySet<string>, from: string, name: string): string | undefined {
  let folder = from;
  for (;;) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (places.has(place)) return place;
    if (folder === '') return undefined;
    const above = folder.lastIndexOf('/node_modules/');
    folder = above < 0 ? '' : folder.slice(0, above);
  }
}

/** What the packages of a lock ask for and the lock does not have. */
function missingFrom(packages: readonly (readonly [string, Table])[]): string[] {
  const places = new Set(packages.map(([place]) => place));
  return packages.flatMap(([place, entry]) => {
    const wanted = dependency_kinds.flatMap((kind) => Object.keys(tableIn(entry[kind])));
    return wanted.filter((name) => placeOf(places, place, name) === undefined).map((name) => `${place} wants ${name}`);
  });
}

const test = suite('manifest');

test('every dependency is one exact version', () => {
  const versions = manifests.flatMap((manifest) => dependency_kinds.flatMap((kind) => Object.entries(tableIn(manifest[kind]))));
  assert.ok(versions.length > 30, 'the dependencies were found');
  assert.equal(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version))), []);
});

test('the lock is complete for every platform, without which npm ci refuses it', () => {
  assert.ok(locked.length > 200, 'the lock was found');
  assert.equal(missingFrom(locked), []);
});

test('the check of the lock would notice a missing platform package', () => {
  const [without] = locked.filter(([place]) => place.startsWith('node_modules/@oxlint/')).slice(-1);
  assert.ok(without);
  assert.equal(missingFrom(locked.filter((entry) => entry !== without)), [`node_modules/oxlint wants ${without[0].replace('node_modules/', '')}`]);
});

test('the lock names no host, and every package in it has its hash', () => {
  const remote = locked.filter(([place, entry]) => place.startsWith('node_modules/') && entry['link'] !== true);
  assert.equal(remote.filter(([, entry]) => 'resolved' in entry).map(([place]) => place), []);
  assert.equal(remote.filter(([, entry]) => !String(entry['integrity']).startsWith('sha512-')).map(([place]) => place), []);
});

test('nothing that is installed may run a script', () => {
  const allowed = tableIn(manifests[0]?.['allowScripts']);
  const with_scripts = locked.filter(([, entry]) => entry['hasInstallScript'] === true && entry['optional'] !== true).map(([place]) => place.replace(/^.*node_modules\//, ''));
  assert.equal(with_scripts.filter((name) => allowed[name] !== false), []);
  assert.equal(Object.values(allowed).filter((answer) => answer !== false), []);
});

test.run();
