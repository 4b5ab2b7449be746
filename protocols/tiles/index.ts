export { tiles, type Tiles, type TileSource } from './tiles.ts';
export { mirrors, type Mirrors, type MirrorInit, type MirrorView } from './mirrors.ts';
