/** `node audit-checker.ts <folder> [vkey]`: recomputes an exported log (C2SP tlog-tiles) from its entries up, with nothing of this project. */
import { createHash, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
const [, , folder = '', vkey] = process.argv;
const sha256 = (...parts: Uint8Array[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const need = (holds: boolean, what: string): void => { if (!holds) throw new Error(`${what} is not right`); };
const rootOf = (hashes: Buffer[]): Buffer => {
  const half = hashes.length < 2 ? 0 : 2 ** Math.floor(Math.log2(hashes.length - 1));
  return half === 0 ? hashes[0] ?? sha256() : sha256(Buffer.of(1), rootOf(hashes.slice(0, half)), rootOf(hashes.slice(half)));
};
const [body = '', signature = ''] = readFileSync(`${folder}/checkpoint`, 'utf8').split('\n\n');
const [origin = '', size = '', root = '', ...rest] = body.split('\n');
const widths = (count: number): number[] => Array.from({ length: Math.ceil(count / 256) }, (_, tile) => Math.min(256, count - tile * 256));
const read = (level: string | number, tile: number, width: number): Buffer => readFileSync(`${folder}/tile/${level}/${
  String(tile).padStart(Math.ceil(String(tile).length / 3) * 3, '0').replaceAll(/\d{3}(?=\d)/g, 'x$&/')}${width < 256 ? `.p/${width}` : ''}`);
let hashes = widths(Number(size)).flatMap((width, tile) => {
  const entries: Buffer[] = [];
  for (let bundle = read('entries', tile, width); bundle.length > 0; bundle = bundle.subarray(2 + bundle.readUInt16BE())) entries.push(sha256(Buffer.of(0), bundle.subarray(2, 2 + bundle.readUInt16BE())));
  need(entries.length === width, `bundle ${tile}`);
  return entries;
});
need(rest.length === 0 && String(hashes.length) === size && rootOf(hashes).toString('base64') === root, 'the checkpoint');
for (let level = 0; hashes.length > 0; level += 1) {
  const tiles = widths(hashes.length).map((width, tile) => hashes.slice(tile * 256, tile * 256 + width));
  for (const [tile, part] of tiles.entries()) need(Buffer.concat(part).equals(read(level, tile, part.length)), `tile ${level}/${tile}`);
  hashes = tiles.filter((part) => part.length === 256).map(rootOf);
}
const [key, line] = [Buffer.from(vkey?.split('+').slice(2).join('+') ?? '', 'base64').subarray(1), signature.split('\n').find((each) => each.startsWith(`— ${origin} `))?.split(' ')[2] ?? ''];
need(vkey === undefined || verify(null, Buffer.from(`${body}\n`), { key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]), format: 'der', type: 'spki' }, Buffer.from(line, 'base64').subarray(4)), 'the signature');
console.log(`OK ${size} entries, root ${root}`);
