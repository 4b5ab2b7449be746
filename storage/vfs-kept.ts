/** What goes along into the next generation of a tree. */
import { copied } from './vfs-content.ts';
import { entriesOf, folded, folderEntry, type FolderTerms } from './vfs-folder.ts';
import { countOf, type Entry, type FileEntry, type Node } from './vfs-node.ts';
import type { Draft, TreeObjects } from './vfs-objects.ts';

/** The folder with those of its files that are kept, all of it made anew in a draft. What cannot be read is not kept. */
export async function keptOf(objects: TreeObjects, draft: Draft, node: Node, keep: (file: FileEntry) => boolean, terms: FolderTerms): Promise<Node> {
  const entries = await entriesOf(objects, node);
  const kept: Entry[] = [];
  for (const entry of entries.ok ? entries.value.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : []) {
    if (entry.kind === 'file') {
      if (keep(entry) && (await copied(objects, draft, entry)).ok) kept.push(entry);
      continue;
    }
    const inner = await objects.node(entry.node);
    if (!inner.ok) continue;
    const below = await keptOf(objects, draft, inner.value, keep, terms);
    if (terms.only_filled_folders !== true || countOf(below) > 0) kept.push(folderEntry(draft, entry.name, below));
  }
  return folded(draft, kept, 0);
}
